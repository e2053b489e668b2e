"""What the result of an attempt means: done, over, or when to try again. Pure.

The schedule is that of Standard Webhooks 1.0: ten attempts over 75 h 35 min. What is not the
receiver's failure (it asked us to wait, or we could not even try) uses up no step of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from schemas.webhooks import DELIVERY_LIFETIME, Ended
from worker.delivery.result import Outcome as Outcome  # noqa: PLC0414 - known by this module
from worker.delivery.result import Result as Result  # noqa: PLC0414 - known by this module


@dataclass(frozen=True, slots=True)
class Course:
    """How long a delivery is tried, and what a failure costs it.

    Attributes:
        steps: The time between attempts; ``None``: the standard schedule.
        registered: To an endpoint, which can be disabled and enabled again.
        once: It is of no use later.
        free: No failure uses up a step, and the delivery keeps its place: its lane's breaker
            is open.
        by_hand: Somebody asked for this attempt. Of a delivery that failed before, it uses up
            no step: clicks do not end it sooner.
    """

    steps: tuple[timedelta, ...] | None = None
    registered: bool = False
    once: bool = False
    free: bool = False
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows for the delivery.

    Attributes:
        outcome: Of the attempt.
        delay: When to try again, from now; ``None``: never, as ``ended`` says.
        failures: Attempts so far that used up a step of the schedule.
        ended: What the attempt made of the delivery; ``None``: it is tried again.
        stays: It keeps its place (``next_at``): its lane is blocked, or its endpoint disabled.
    """

    outcome: Outcome
    delay: timedelta | None
    failures: int
    ended: Ended | None = None
    stays: bool = False


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
DEFERRED_PAUSE: Final = timedelta(seconds=1)
# A receiver that could not keep up is not asked again sooner than this.
OVERLOAD_PAUSE: Final = timedelta(seconds=60)

# The values of the answer's header "webhook-delivery".
ABORT: Final = "abort-message"
DISABLE: Final = "disable"

OVERLOADS: Final = frozenset({Outcome.OVERLOAD, Outcome.TIMEOUT, Outcome.CONNECT_TIMEOUT})
# Neither for nor against a receiver: nothing was sent, or it asked to wait, or said its last.
UNCOUNTED: Final = frozenset(
    {
        Outcome.SUCCESS,
        Outcome.GONE,
        Outcome.RATE_LIMITED,
        Outcome.INTERNAL,
        Outcome.DEFERRED,
        Outcome.REFUSED,
        Outcome.DISCARDED,
    }
)
_ENDS: Final[Mapping[Outcome, Ended]] = {
    Outcome.SUCCESS: Ended.DELIVERED,
    Outcome.GONE: Ended.EXHAUSTED,
    Outcome.REFUSED: Ended.EXHAUSTED,
    Outcome.DISCARDED: Ended.DISCARDED,
}
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


def pause_asked(result: Result, *, at: datetime) -> timedelta:
    """Return for how long a receiver that is called too often is left alone."""
    if result.rest is not None:
        return result.rest
    return wait_asked(result.retry_after, at=at) or RETRY_AFTER_UNSAID


def decide(
    result: Result,
    course: Course = Course(),
    *,
    failures: int,
    at: datetime,
    chance: float,
    age: timedelta = timedelta(),
) -> Decision:
    """Return what follows for a delivery from an attempt.

    Args:
        result: What the attempt came to.
        course: How the delivery is tried.
        failures: Earlier attempts that used up a step of the schedule.
        age: Of the delivery. Past ``DELIVERY_LIFETIME`` no failure is tried again.
        at: Now, aware.
        chance: Random, from 0 to 1: where in the ±20 % the next step falls.
    """
    outcome = result.outcome
    asked_to_end = result.delivery_control in {ABORT, DISABLE}
    if _disables(result) and course.registered and not course.once:
        # It is sent when somebody enables the endpoint again.
        return Decision(outcome, timedelta(), failures, stays=True)
    ended = _ENDS.get(outcome, Ended.EXHAUSTED if asked_to_end else None)
    if ended is not None:
        return Decision(outcome, None, failures, ended)
    spared = _is_free(outcome, course) or (course.by_hand and failures > 0)
    costs = 0 if outcome in UNCOUNTED or spared else 1
    delay = _delay(result, course, failures=failures + costs, at=at, chance=chance)
    if delay is None or course.once or age >= DELIVERY_LIFETIME:
        return Decision(outcome, None, failures + costs, Ended.EXHAUSTED)
    if result.again is not None:
        delay = result.again
    stays = _is_free(outcome, course)
    return Decision(outcome, min(delay, DELIVERY_LIFETIME - age), failures + costs, stays=stays)


def _disables(result: Result) -> bool:
    asked = result.delivery_control == DISABLE and result.outcome is not Outcome.SUCCESS
    return asked or result.outcome is Outcome.GONE


def _is_free(outcome: Outcome, course: Course) -> bool:
    # A blocked address is no receiver that could be down: its few tries are all it gets.
    return course.free and outcome not in UNCOUNTED and outcome is not Outcome.BLOCKED_ADDRESS


def _delay(
    result: Result, course: Course, *, failures: int, at: datetime, chance: float
) -> timedelta | None:
    """Return when to try again after so many failures, this one included; ``None``: never."""
    if result.outcome is Outcome.INTERNAL:
        return INTERNAL_PAUSE
    if result.outcome is Outcome.DEFERRED:
        return DEFERRED_PAUSE
    if result.outcome is Outcome.RATE_LIMITED:
        return pause_asked(result, at=at)
    if _is_free(result.outcome, course):
        return timedelta()
    steps = STEPS if course.steps is None else course.steps
    tries = len(steps) + 1
    if result.outcome is Outcome.BLOCKED_ADDRESS:
        tries = min(tries, BLOCKED_TRIES)
    if failures >= tries:
        return None
    delay = steps[failures - 1] * (1 + JITTER * (2 * chance - 1))
    return max(delay, OVERLOAD_PAUSE) if result.outcome in OVERLOADS else delay
