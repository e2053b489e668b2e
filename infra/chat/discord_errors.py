"""What Discord says when it refuses: read without trusting it, told without its content."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, cast

import orjson

from infra.chat.adapter import ChatHttpAnswer
from infra.chat.discord_text import plain

UNKNOWN_CHANNEL: Final = 10003
UNKNOWN_GUILD: Final = 10004
UNKNOWN_MESSAGE: Final = 10008
MANY_OLD_EDITS: Final = 30046
OPENS_TOO_MANY: Final = 40003
TOO_LARGE: Final = 40005
BANNED: Final = 40007
ACKNOWLEDGED: Final = 40060
NO_ACCESS: Final = 50001
NOT_THE_AUTHOR: Final = 50005
NOT_TO_THIS_USER: Final = 50007
NO_PERMISSION: Final = 50013
INVALID_TOKEN: Final = 50027
ARCHIVED: Final = 50083
NO_HISTORY: Final = 160002

_MOST_SECONDS: Final = 86_400.0
_SECONDS: Final = 5.0
_MOST_DETAIL: Final = 300
_MOST_FIELDS: Final = 5
_DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class Said:
    """The body of a refusal.

    Attributes:
        json: It is one of Discord's own; else a proxy before it speaks.
        code: Discord's own; 0: none.
        detail: What, and where in our body; what stood there is left out.
        retry_after: Seconds, if it says so.
        of_bot: The limit is one of the whole bot.
    """

    json: bool
    code: int = 0
    detail: str = ""
    retry_after: float | None = None
    of_bot: bool = False


def said_of(answer: ChatHttpAnswer) -> Said:
    """Return what a refusal says."""
    try:
        read: Any = orjson.loads(answer.body)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        return Said(json=False)
    body = cast("dict[str, Any]", read)
    code, retry = body.get("code"), body.get("retry_after")
    number = code if isinstance(code, int) else 0
    message = body.get("message")
    words = message if isinstance(message, str) else ""
    faults = islice(_faults(body.get("errors")), _MOST_FIELDS)
    return Said(
        json=isinstance(code, int) or isinstance(message, str),
        code=number,
        detail=plain("; ".join([f"{number}: {words}", *faults]), _MOST_DETAIL),
        retry_after=_bounded(retry) if isinstance(retry, int | float) else None,
        of_bot=body.get("global") is True,
    )


def pause_after(answer: ChatHttpAnswer) -> float:
    """Return the seconds that a bucket rests after a call: 0 while it has more."""
    if _number(answer.headers, "x-ratelimit-remaining") == 0:
        return _number(answer.headers, "x-ratelimit-reset-after") or 0.0
    return 0.0


def pause_of_limit(answer: ChatHttpAnswer, said: Said) -> float:
    """Return the seconds that a 429 asks for."""
    if said.retry_after is not None:
        return said.retry_after
    header = _number(answer.headers, "retry-after")
    return _SECONDS if header is None else header


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        number = float(headers.get(name, ""))
    except ValueError:
        return None
    return _bounded(number) if number == number else None  # noqa: PLR0124 - NaN is not itself


def _bounded(seconds: float) -> float:
    return float(min(max(seconds, 0.0), _MOST_SECONDS))


def _faults(errors: object, path: str = "", depth: int = 0) -> Iterator[str]:
    """Yield ``path: CODE`` of each fault. Its message may quote what stood there."""
    if not isinstance(errors, dict) or depth > _DEEPEST:
        return
    for name, inner in cast("dict[str, Any]", errors).items():
        if name == "_errors" and isinstance(inner, list):
            for one in cast("list[Any]", inner):
                code = (
                    cast("dict[str, Any]", one).get("code") if isinstance(one, dict) else None
                )
                yield f"{path or 'body'}: {code}"
        else:
            yield from _faults(inner, f"{path}.{name}" if path else name, depth + 1)
