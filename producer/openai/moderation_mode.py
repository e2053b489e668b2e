"""``moderation.policy``: who asks for a policy that blocks gets what genq does anyway."""

from collections.abc import Mapping
from typing import Any, Final, cast

from schemas.errors import FieldError, InputError
from schemas.facade_errors import UnsupportedParameterError

_MODES: Final = ("block", "score")
_WHY: Final = (
    "genq blocks what the policy of its installation does not allow, and cannot be told only to"
    " score; use block, or ask POST /v1/moderations for scores"
)


def refuse_scoring(body: Mapping[str, Any]) -> None:
    """Hold ``moderation.policy.{input,output}.mode`` to what genq does.

    Raises:
        UnsupportedParameterError: It is ``score``.
        InputError: It is nothing that OpenAI knows.
    """
    policy = _object(body, "moderation", "policy")
    for side in ("input", "output"):
        mode = _object(policy, side).get("mode")
        if mode is None or mode == "block":
            continue
        place = FieldError(f"/moderation/policy/{side}/mode", _WHY)
        if mode == "score":
            raise UnsupportedParameterError(_WHY, fields=[place])
        message = f"must be one of {', '.join(_MODES)}"
        raise InputError(message, fields=[FieldError(place.pointer, message)])


def _object(value: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        found = value.get(name)
        value = cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
    return value
