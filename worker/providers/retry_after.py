"""When a server wants to be asked again, from the headers of its answer."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Final

# A server that asks for more than this is mistaken, or should be taken out of the settings.
LONGEST: Final = timedelta(days=1)

# The units that OpenAI's servers count, each with what is left and when it is full again.
_COUNTED: Final = ("requests", "tokens")
_SHORTEST: Final = 1e-3
# Go's way to write durations: 1m3.5s, 250ms, 2h0m0s.
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)", re.ASCII)
_SECONDS_OF: Final = {
    "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6,
    "ns": 1e-9,
}  # fmt: skip


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


def used_up_for(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long an account has nothing left, as an answer's rate headers say it.

    ``x-ratelimit-remaining-requests`` and ``-tokens`` with ``x-ratelimit-reset-requests`` and
    ``-tokens``: of those that stand at 0 the longest reset. Resets are durations (``1m3s``,
    ``250ms``) or seconds; anything else, an instant for one, is not believed.

    Returns:
        Above zero, at most ``LONGEST``; None while something is left of everything.

    Args:
        headers: Looked up in lower case.
    """
    resets = [
        _duration(headers.get(f"x-ratelimit-reset-{counted}", ""))
        for counted in _COUNTED
        if _number(headers.get(f"x-ratelimit-remaining-{counted}")) == 0
    ]
    longest = max((reset for reset in resets if reset), default=0.0)
    return timedelta(seconds=longest) if longest >= _SHORTEST else None


def _duration(text: str) -> float | None:
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        seconds = sum(float(number) * _SECONDS_OF[unit] for number, unit in parts)
    else:
        seconds = _number(text) or 0.0
    return seconds if seconds <= LONGEST.total_seconds() else None


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
