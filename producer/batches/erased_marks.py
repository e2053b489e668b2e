"""What stands in files instead of lines whose person is erased. Pure."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, cast

import orjson

ERASED_LINE: Final = b'{"genq":"erased"}'
"""What is left of a line of an input file; spaces follow, so that no other line moves.

The shortest line that names somebody, ``{"body":{"user":"a"}}``, is longer.
"""
_NAMES: Final = ("user", "safety_identifier")
_OURS: Final = "genq"
_END_USER: Final = "end_user"
# Wherever in a line; a text that holds such words has a backslash before each quote.
_NAMED: Final = re.compile(
    rb'"(?:user|safety_identifier|end_user)"\s*+:\s*+("[^"\\]*+(?:\\.[^"\\]*+)*+")'
)
_MOST_NAMED: Final = 10_000


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
        # Bytes that are spaces to Python, and not in JSON, are cut off before lines are read.
        line: Any = orjson.loads(data.strip())
    except orjson.JSONDecodeError:
        return
    body = cast("dict[str, Any]", line).get("body") if isinstance(line, dict) else None
    if isinstance(body, dict):
        yield from people_of(cast("dict[str, Any]", body))


def people_of(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield whom the body of a line names, in each of the places that count."""
    ours = body.get(_OURS)
    told = [body.get(name) for name in _NAMES]
    if isinstance(ours, Mapping):
        told.append(cast("Mapping[str, Any]", ours).get(_END_USER))
    yield from (name for name in told if isinstance(name, str) and name)


def people_near(data: bytes) -> Iterator[str]:
    """Yield whom a line names that is too long to be a request, wherever in it.

    Parsed, 64 MiB of JSON can take 2 GB, and all others for seconds.
    """
    for found in islice(_NAMED.finditer(data), _MOST_NAMED):
        try:
            name = orjson.loads(found[1])
        except orjson.JSONDecodeError:
            continue
        if name:
            yield name
