"""The third gate: what a request may hold, whatever its kind, each rule by its name. Pure.

The size of a body is held while it is read (``GENQ_MAX_BODY_BYTES``), the shape of its JSON
before anything looks into it, the rest once it is known to be a job.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final, cast

from infra.http.outbound_policy import OutboundPolicy
from schemas.errors import FieldError, InputError, OutboundRefusedError
from schemas.job import JobRequest
from schemas.named_urls import urls_of
from schemas.picture_references import MOST_SHOWN, Source, references_of, source_of

JSON_DEPTH: Final = "json_depth"
JSON_MEMBERS: Final = "json_members"
CONTROL_CHARACTERS: Final = "control_characters"
PROMPT_LENGTH: Final = "prompt_length"
URL_POLICY: Final = "url_policy"

MAX_DEPTH: Final = 32
"""How many objects and arrays may stand inside each other."""
MAX_MEMBERS: Final = 320_000
"""How many values one request may hold, wherever they stand: more than the 300,000 tokens that
OpenAI's API embeds in one."""
MAX_TEXTS: Final = 8_000
"""How many texts one parameter may hold: each is judged by itself."""
MOST_FAULTS: Final = 20
"""No more are looked for: a body may hold as many as it has values, and an answer tells few."""
_LONGEST_STEP: Final = 128

# All but tab, line feed and carriage return; of the second block, all but "next line".
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
# Parameters that are a text, or a list of them.
_TEXTS: Final = ("prompt", "suffix", "input")

_NO_PICTURE: Final = (
    "must be an https URL, a data URL (data:image/png;base64,…), the id of a file (file-…), or "
    "a picture that a job made (job_…/0)"
)
_NOT_PASSED_ON: Final = (
    "is a URL that a model server would fetch: genq fetches pictures only; send a data URL"
)

Step = str | int
Place = tuple[Step, ...]


def too_deep(pointer: str) -> FieldError:
    """Return the fault of JSON that is nested deeper than ``MAX_DEPTH``."""
    return FieldError(pointer, f"must not be nested deeper than {MAX_DEPTH} levels", JSON_DEPTH)


def too_many(pointer: str) -> FieldError:
    """Return the fault of JSON that holds more than ``MAX_MEMBERS`` values."""
    return FieldError(pointer, f"must not hold more than {MAX_MEMBERS} values", JSON_MEMBERS)


def check_rules(
    request: JobRequest,
    parameters: Mapping[str, Any],
    policy: OutboundPolicy,
    *,
    max_prompt_chars: int,
    picture_http: bool = False,
) -> None:
    """Hold a job to the rules.

    Args:
        request: What was asked for.
        parameters: Its model parameters, of the right shape.
        policy: Which addresses may be named. Names are not looked up: they are judged again
            when they are dialled.
        max_prompt_chars: How much text a job may bring.
        picture_http: Whether pictures are fetched from ``http://`` URLs, too.

    Raises:
        InputError: With the name of the rule and the place of each fault.
    """
    found = chain(
        _control_characters(request, parameters),
        _length(parameters, max_prompt_chars),
        _number_of_texts(parameters),
        _pictures(request, parameters, policy, https_only=not picture_http),
        _urls(request, parameters, policy),
    )
    faults = list(islice(found, MOST_FAULTS))
    if faults:
        first = faults[0]
        raise InputError(f"{pointer_name(first)}: {first.message}", fields=faults)


def pointer_to(place: Sequence[Step]) -> str:
    """Return a place as a JSON pointer; of a name that is far too long only the beginning.

    Each fault behind a name repeats it: a name may be as long as a body.
    """
    # Faults are stored with what they refuse, and PostgreSQL cannot store U+0000.
    steps = (str(step)[:_LONGEST_STEP].replace("\x00", "\ufffd") for step in place)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def pointer_name(fault: FieldError) -> str:
    """Return where a fault is, as people read it: ``webhook.url``."""
    return fault.pointer.lstrip("/").replace("/", ".") or "the body"


def _control_characters(
    request: JobRequest, parameters: Mapping[str, Any]
) -> Iterator[FieldError]:
    for place, text in _told(request, parameters):
        found = _CONTROL.search(text)
        if found:
            yield FieldError(
                pointer_to(place),
                f"contains the control character U+{ord(found[0]):04X}; remove it",
                CONTROL_CHARACTERS,
            )


def _told(request: JobRequest, parameters: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    yield from _texts(parameters)
    if request.end_user:
        yield ("end_user",), request.end_user
    for name, value in request.metadata.items():
        yield ("metadata", name), name
        yield ("metadata", name), value


def _texts(parameters: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield what a model is told: prompts, texts to embed, or those of the messages."""
    for name in _TEXTS:
        value: object = parameters.get(name)
        if isinstance(value, str):
            yield ("input", name), value
        elif isinstance(value, list):
            items = enumerate(cast("list[object]", value))
            yield from ((("input", name, n), one) for n, one in items if isinstance(one, str))
    for n, message in enumerate(_messages(parameters)):
        content = message.get("content")
        place: Place = ("input", "messages", n, "content")
        if isinstance(content, str):
            yield place, content
        parts = cast("list[dict[str, object]]", content) if isinstance(content, list) else []
        for m, part in enumerate(parts):
            text = part.get("text")
            if isinstance(text, str):
                yield (*place, m, "text"), text


def _messages(parameters: Mapping[str, Any]) -> Sequence[Mapping[str, object]]:
    return parameters.get("messages") or ()


def _length(parameters: Mapping[str, Any], most: int) -> Iterator[FieldError]:
    total = sum(len(text) for _, text in _texts(parameters))
    if total > most:
        name = next((one for one in _TEXTS if one in parameters), "messages")
        yield FieldError(
            f"/input/{name}", f"has {total} characters; at most {most} may be", PROMPT_LENGTH
        )


def _number_of_texts(parameters: Mapping[str, Any]) -> Iterator[FieldError]:
    """Hold what is judged text by text to a number that takes seconds, not minutes."""
    for name, value in parameters.items():
        total = sum(1 for _ in islice(_strings(value), MAX_TEXTS + 1))
        if total > MAX_TEXTS:
            message = f"must not hold more than {MAX_TEXTS} texts"
            yield FieldError(pointer_to(("input", name)), message, JSON_MEMBERS)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in cast("Mapping[str, object]", value).values():
            yield from _strings(member)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            # Of tokens there may be hundreds of thousands.
            if type(item) is not int:
                yield from _strings(item)


def _pictures(
    request: JobRequest,
    parameters: Mapping[str, Any],
    policy: OutboundPolicy,
    *,
    https_only: bool,
) -> Iterator[FieldError]:
    """Hold pictures to what genq reads: it fetches them itself, and no model server does."""
    for n, one in enumerate(references_of(request.kind, parameters)):
        pointer = pointer_to(("input", *one.place))
        if n == MOST_SHOWN:
            message = f"is one too many: {MOST_SHOWN} pictures may be shown"
            yield FieldError(pointer, message, JSON_MEMBERS)
            return
        source = source_of(one.text)
        if source is None:
            yield FieldError(pointer, _NO_PICTURE, URL_POLICY)
        elif source is Source.REMOTE:
            try:
                policy.check_url(one.text, https_only=https_only)
            except OutboundRefusedError as error:
                yield FieldError(pointer, error.message, URL_POLICY)


def _urls(
    request: JobRequest, parameters: Mapping[str, Any], policy: OutboundPolicy
) -> Iterator[FieldError]:
    if request.webhook is not None:
        yield from _held(("webhook", "url"), request.webhook.url, policy)
    for within, url, kept in urls_of(request.kind, parameters):
        place = ("input", *within)
        if kept:
            yield FieldError(pointer_to(place), _NOT_PASSED_ON, URL_POLICY)
        else:
            yield from _held(place, url, policy)


def _held(place: Place, url: str, policy: OutboundPolicy) -> Iterator[FieldError]:
    """Hold a URL to the policy that somebody will call: ourselves, or a model server."""
    try:
        policy.check_url(url.strip())
    except OutboundRefusedError as error:
        yield FieldError(pointer_to(place), error.message, URL_POLICY)
