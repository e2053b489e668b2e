"""Instants and delays as callers write them: nothing is taken for a Unix timestamp."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import Field, PlainValidator, TypeAdapter, WithJsonSchema

MOST_SECONDS: Final = 315_360_000
"""Ten years: a longer delay is a mistake."""
LAST_YEAR: Final = 2200
"""What is reckoned from a later instant might be beyond what a ``datetime`` can hold."""

_EXAMPLE: Final = "2026-12-01T08:00:00Z"
_NO_INSTANT: Final = f"must be an instant with its offset, such as {_EXAMPLE}"
_NO_OFFSET: Final = f"needs an offset, such as {_EXAMPLE}"
_OR_SECONDS: Final = "; or a number of seconds from now"
_NO_DELAY: Final = "must be seconds from now, above 0 and at most ten years"
_TOO_FAR: Final = f"must lie between the years 1 and {LAST_YEAR}"
# A date alone has no offset, and a number of seconds is no instant.
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?(?P<offset>[Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME: Final = TypeAdapter(datetime)


def _instant(value: Any) -> datetime:
    return _read_instant(value, "")


def _when(value: Any) -> datetime | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 < value <= MOST_SECONDS:
            raise ValueError(_NO_DELAY)
        return float(value)
    return _read_instant(value, _OR_SECONDS)


def _read_instant(value: Any, otherwise: str) -> datetime:
    """Return an instant in UTC; ``otherwise`` is what else the field takes, for the message."""
    if isinstance(value, str):
        value = _parsed(value, otherwise)
    if not isinstance(value, datetime):
        raise ValueError(_NO_INSTANT + otherwise)  # noqa: TRY004 - pydantic wants a ValueError
    if value.utcoffset() is None:
        raise ValueError(_NO_OFFSET + otherwise)
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        raise ValueError(_TOO_FAR) from None
    if instant.year > LAST_YEAR:
        raise ValueError(_TOO_FAR)
    return instant


def _parsed(text: str, otherwise: str) -> datetime:
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError((_NO_OFFSET if _DATE.fullmatch(text) else _NO_INSTANT) + otherwise)
    if not found["offset"]:
        raise ValueError(_NO_OFFSET + otherwise)
    try:
        return _DATETIME.validate_python(text)
    except ValueError:
        raise ValueError(_NO_INSTANT + otherwise) from None


_INSTANT_SCHEMA: Final = {"type": "string", "format": "date-time"}
_SECONDS_SCHEMA: Final = {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_SECONDS}

Instant = Annotated[datetime, PlainValidator(_instant), WithJsonSchema(_INSTANT_SCHEMA)]
"""An instant with its offset, such as ``2026-12-01T08:00:00Z``; read as UTC."""
SecondsFromNow = Annotated[float, Field(gt=0, le=MOST_SECONDS, strict=True)]
When = Annotated[
    datetime | float,
    PlainValidator(_when),
    WithJsonSchema({"oneOf": [_INSTANT_SCHEMA, _SECONDS_SCHEMA]}),
]
"""An ``Instant``, or seconds from now."""
