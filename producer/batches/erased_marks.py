"""What stands in files instead of lines whose person is erased. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import orjson

ERASED_LINE: Final = b'{"genq":"erased"}'
"""What is left of a line of an input file; spaces follow, so that no other line moves.

The shortest line that names somebody, ``{"body":{"user":"a"}}``, is longer.
"""
_NAMES: Final = ("user", "safety_identifier")
_OURS: Final = "genq"
_END_USER: Final = "end_user"


def is_erased(data: bytes | None) -> bool:
    """Return whether a line of an input file was erased."""
    return data == ERASED_LINE


def emptied(raw: bytes) -> bytes:
    """Return what takes the place of a line, its line end included: as many bytes."""
    text = raw.rstrip(b"\r\n")
    return ERASED_LINE.ljust(len(text)) + raw[len(text) :]


def people_in(data: bytes) -> Iterator[str]:
    """Yield whom a line of an input file names, in each of the places that count."""
    try:
        line: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    body = cast("dict[str, Any]", line).get("body") if isinstance(line, dict) else None
    if not isinstance(body, dict):
        return
    given = cast("dict[str, Any]", body)
    ours = given.get(_OURS)
    told = [given.get(name) for name in _NAMES]
    if isinstance(ours, Mapping):
        told.append(cast("Mapping[str, Any]", ours).get(_END_USER))
    yield from (name for name in told if isinstance(name, str) and name)
