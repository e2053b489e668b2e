"""What ``/v1/moderations`` answers to calls and lines of batches: a verdict on each input."""

from typing import Any, Final, cast

from infra.new_ids import new_key
from infra.postgres.tenants import Tenant
from infra.safety.moderation import Moderation
from infra.safety.parts import Part, Whose, with_picture
from infra.telemetry.safety_metrics import count_verdict
from producer.api.bodies import check
from schemas.errors import FieldError, InputError
from schemas.ids import format_id
from schemas.moderation import (
    ModerationPart,
    ModerationRequest,
    TextPart,
    moderation_result,
)
from schemas.tenant_plan import SafetyLevel

_STAGE: Final = "moderation"
MODEL: Final = "genq-safety"


async def moderation_answer(
    moderation: Moderation, tenant: Tenant, body: Any, *, max_prompt_chars: int
) -> dict[str, Any]:
    """Return a verdict on each input, by the tenant's policy; nothing is kept.

    Args:
        moderation: Judges.
        tenant: By whose policy.
        body: As it was sent.
        max_prompt_chars: How much text it may bring.

    Raises:
        InputError: The body is wrong.
    """
    inputs = _inputs(_checked(body))
    _hold_length(inputs, max_prompt_chars)
    level = SafetyLevel(tenant.safety_level)
    return {
        "id": "modr-" + format_id("evt", new_key()).partition("_")[2],
        "model": MODEL,
        "results": [await _result(moderation, tenant, parts, level) for parts in inputs],
    }


def _checked(body: Any) -> ModerationRequest:
    try:
        return check(ModerationRequest, body)
    except InputError as error:
        sent = cast("dict[str, object]", body) if isinstance(body, dict) else {}
        told = sent.get("input")
        faults = [fault for one in error.fields for fault in _placed(one, told)]
        raise InputError(error.message, fields=faults or error.fields) from None


def _placed(fault: FieldError, told: object) -> list[FieldError]:
    """Return a fault at its place in what was sent; none, if it is of another shape.

    Pydantic tells what is wrong with each shape that the input may have, and names the shape,
    and the type of a part, among the steps.
    """
    # The whole body's pointer is empty.
    first, *steps = fault.pointer.split("/")[1:] or [""]
    if first != "input" or not steps:
        return [fault]
    shape = "str"
    if isinstance(told, list):
        parts = any(isinstance(one, dict) for one in cast("list[object]", told))
        shape = "list[tagged-union" if parts else "list[str]"
    if not steps[0].startswith(shape):
        return []
    place = [*steps[1:2], *steps[3:]]
    return [FieldError("/".join(["/input", *place]), fault.message, fault.rule)]


async def _result(
    moderation: Moderation, tenant: Tenant, parts: list[Part], level: SafetyLevel
) -> dict[str, Any]:
    judged = await moderation.judge_parts(parts, Whose(tenant.id), level)
    count_verdict(_STAGE, judged.verdict)
    return moderation_result(
        judged.verdict,
        text=any(part.picture is None for part in parts),
        pictures=any(part.picture is not None for part in parts),
    )


def _inputs(wanted: ModerationRequest) -> list[list[Part]]:
    """Return what each result is about: a text by itself, or all parts of one subject."""
    told = wanted.input
    if isinstance(told, str):
        return [[Part(("input",), told)]]
    texts = [one for one in told if isinstance(one, str)]
    if texts:
        return [[Part(("input", n), text)] for n, text in enumerate(texts)]
    return [[_part(n, one) for n, one in enumerate(told) if not isinstance(one, str)]]


def _part(n: int, part: ModerationPart) -> Part:
    if isinstance(part, TextPart):
        return Part(("input", n), part.text)
    return with_picture(Part(("input", n), part.image_url.url))


def _hold_length(inputs: list[list[Part]], most: int) -> None:
    total = sum(len(part.text) for parts in inputs for part in parts)
    if total > most:
        message = f"has {total} characters; at most {most} may be"
        raise InputError(f"input: {message}", fields=[FieldError("/input", message)])
