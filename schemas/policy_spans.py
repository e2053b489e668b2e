"""Spans of time as policies write them: ``15m``, ``4h``, ``30d``; a number is seconds."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WRITTEN: Final = re.compile(r"([1-9]\d{0,8})(s|m|h|d)")
_LONGEST: Final = timedelta(days=3_650)


def _read(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    seconds = _seconds(value)
    if seconds is None or not 0 < seconds <= _LONGEST.total_seconds():
        raise ValueError("must be a span of time of at most 3650d, such as 15m, 4h or 30d")
    return timedelta(seconds=seconds)


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return float(value)
    match = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * _SECONDS[match[2]] if match else None


def written(span: timedelta) -> str:
    """Return a span in its largest whole unit: ``90m``, ``30d``."""
    seconds = int(span.total_seconds())
    unit = next(name for name in reversed(_SECONDS) if seconds % _SECONDS[name] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


TimeSpan = Annotated[
    timedelta,
    PlainValidator(_read),
    PlainSerializer(written),
    WithJsonSchema({"type": "string", "pattern": r"^[1-9][0-9]{0,8}[smhd]$"}),
]
