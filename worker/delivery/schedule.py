"""What the result of an attempt means: done, over, or when to try again. Pure.

The schedule is that of Standard Webhooks 1.0: ten attempts over 75 h 35 min. What is not the
receiver's failure (it asked us to wait, or we could not even try) uses up no step of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final


class Outcome(StrEnum):
    """How one attempt ended, as logs, metrics and the attempt log call it."""

    SUCCESS = "success"
    REDIRECT = "redirect"
    GONE = "gone"
    RATE_LIMITED = "rate_limited"
    OVERLOAD = "overload"
    HTTP_ERROR = "http_error"
    PROTOCOL_ERROR = "protocol_error"
    TIMEOUT = "timeout"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    NETWORK_UNREACHABLE = "network_unreachable"
    DISCONNECTED = "disconnected"
    DNS_ERROR = "dns_error"
    TLS_ERROR = "tls_error"
    # A name that leads to an address which is never called: its owner may be mending DNS.
    BLOCKED_ADDRESS = "blocked_address"
    # The URL itself leads there, or there is nothing to send: no later try differs.
    REFUSED = "refused"
    # Our own fault: no sockets left, or a defect.
    INTERNAL = "internal"
    # The last of the schedule's attempts failed.
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt came to.

    Attributes:
        status: The HTTP status, if headers arrived.
        retry_after: The header's text, if there was one.
        detail: For a person; never a secret or a body.
        duration: Wall time of the attempt.
    """

    outcome: Outcome
    duration: timedelta
    status: int | None = None
    retry_after: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows.

    Attributes:
        outcome: For the log of attempts.
        delay: When to try again, from now; ``None``: never.
        failures: Attempts so far that used up a step of the schedule.
    """

    outcome: Outcome
    delay: timedelta | None
    failures: int


STEPS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER: Final = 0.2
BLOCKED_TRIES: Final = 3

RETRY_AFTER_LEAST: Final = timedelta(seconds=1)
RETRY_AFTER_MOST: Final = timedelta(hours=1)
RETRY_AFTER_UNSAID: Final = timedelta(seconds=60)
INTERNAL_PAUSE: Final = timedelta(seconds=10)
# A receiver that could not keep up is not asked again sooner than this.
OVERLOAD_PAUSE: Final = timedelta(seconds=60)

OVERLOADS: Final = frozenset({Outcome.OVERLOAD, Outcome.TIMEOUT, Outcome.CONNECT_TIMEOUT})
_OVER: Final = frozenset({Outcome.SUCCESS, Outcome.GONE, Outcome.REFUSED})
_BY_STATUS: Final[Mapping[int, Outcome]] = {
    HTTPStatus.GONE: Outcome.GONE,
    HTTPStatus.TOO_MANY_REQUESTS: Outcome.RATE_LIMITED,
    HTTPStatus.BAD_GATEWAY: Outcome.OVERLOAD,
    HTTPStatus.GATEWAY_TIMEOUT: Outcome.OVERLOAD,
}
_BY_HUNDREDS: Final[Mapping[int, Outcome]] = {
    2: Outcome.SUCCESS,
    3: Outcome.REDIRECT,
    4: Outcome.HTTP_ERROR,
    5: Outcome.HTTP_ERROR,
}


def outcome_of_status(status: int, *, retry_after: str | None, at: datetime) -> Outcome:
    """Return what a complete head of an answer says.

    Args:
        status: The HTTP status, whatever number the receiver sent.
        retry_after: The ``Retry-After`` header.
        at: Now, for a date in the header.
    """
    if status == HTTPStatus.SERVICE_UNAVAILABLE and wait_asked(retry_after, at=at):
        return Outcome.RATE_LIMITED
    by_hundreds = _BY_HUNDREDS.get(status // 100, Outcome.PROTOCOL_ERROR)
    return _BY_STATUS.get(status, by_hundreds)


def wait_asked(retry_after: str | None, *, at: datetime) -> timedelta | None:
    """Return what ``Retry-After`` asks for, within 1 s and 1 h; ``None`` if it is unreadable.

    Args:
        retry_after: Whole seconds or an HTTP date.
        at: Now, aware.
    """
    text = (retry_after or "").strip()
    # Digits only: int() would also take "-1", "1_0" and digits of other scripts.
    if text.isascii() and text.isdigit():
        # More digits than any wait that is granted; int() of a megabyte would be slow.
        seconds = float(text[:10])
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (aware - at).total_seconds()
    return min(max(timedelta(seconds=seconds), RETRY_AFTER_LEAST), RETRY_AFTER_MOST)


def decide(result: Result, *, failures: int, at: datetime, chance: float) -> Decision:
    """Return what follows from an attempt.

    Args:
        result: What the attempt came to.
        failures: Earlier attempts that used up a step of the schedule.
        at: Now, aware.
        chance: Random, from 0 to 1: where in the ±20 % the next step falls.
    """
    outcome = result.outcome
    if outcome in _OVER:
        return Decision(outcome, None, failures)
    if outcome is Outcome.INTERNAL:
        return Decision(outcome, INTERNAL_PAUSE, failures)
    if outcome is Outcome.RATE_LIMITED:
        asked = wait_asked(result.retry_after, at=at)
        return Decision(outcome, asked or RETRY_AFTER_UNSAID, failures)
    failures += 1
    tries = BLOCKED_TRIES if outcome is Outcome.BLOCKED_ADDRESS else len(STEPS) + 1
    if failures >= tries:
        return Decision(Outcome.EXHAUSTED, None, failures)
    delay = STEPS[failures - 1] * (1 + JITTER * (2 * chance - 1))
    if outcome in OVERLOADS:
        delay = max(delay, OVERLOAD_PAUSE)
    return Decision(outcome, delay, failures)
