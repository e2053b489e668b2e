"""When a server wants to be asked again, from the headers of its answer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final

# A server that asks for more than this is mistaken, or should be taken out of the settings.
LONGEST: Final = timedelta(days=1)


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Return how long to wait, between zero and ``LONGEST``; None if nothing usable is said.

    ``retry-after-ms`` (OpenAI, Azure) is finer and goes before ``retry-after``, which is a
    number of seconds or an HTTP date (RFC 9110, 10.2.3).

    Args:
        headers: Looked up in lower case.
        now: Aware; used for a date if the answer does not carry its own ``date``.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None:
        return _bounded(seconds)
    until = _date(text)
    if until is None:
        return None
    # The server's own clock is the one that its date was reckoned by.
    asked = _date(headers.get("date")) or now
    return _bounded((until - asked).total_seconds())


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST.total_seconds()))


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if isfinite(number) and number >= 0 else None


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
