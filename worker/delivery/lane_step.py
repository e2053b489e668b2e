"""What an attempt makes of its delivery, of its lane, and of its endpoint. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from schemas.events import EventType, OutboxKind
from schemas.receiver import Receiver
from schemas.webhooks import Breaker, DisabledReason, Ended, Ordering, Trigger
from worker.delivery.breaker import after_failure, after_success, later
from worker.delivery.disabling import reason_to_disable
from worker.delivery.lane_state import BY_HAND, LaneState, Tried
from worker.delivery.schedule import (
    OVERLOADS,
    Course,
    Decision,
    Outcome,
    Result,
    decide,
    pause_asked,
)

# A fault of ours may be everybody's, or this delivery's alone: a short pause serves for both;
# and for an address that is busy with requests to other receivers.
_INTERNAL_PAUSE: Final = timedelta(seconds=1)
# Nothing more is sent until it is written, and read again, that the endpoint is disabled.
_UNTIL_DISABLED: Final = timedelta(seconds=5)
# The failure of a delivery that its tenant is told of.
FAILING_AT: Final = 4
TOLD_OF: Final = frozenset({OutboxKind.TERMINAL, OutboxKind.LIFECYCLE})
_SENT_ONCE: Final = frozenset({OutboxKind.PROGRESS, OutboxKind.TEST})
_TAKEN_AT_ONCE: Final = Decision(Outcome.SUCCESS, None, 0, Ended.DELIVERED)


@dataclass(frozen=True, slots=True)
class LaneStep:
    """What follows from an attempt. All of it commits together, or none.

    Attributes:
        state: Of the lane, from now on.
        decision: About the delivery.
        notices: What the tenant's endpoints are told; rarely anything.
        disable: Why the endpoint is to be disabled; ``None``: it is not.
    """

    state: LaneState
    decision: Decision
    notices: tuple[EventType, ...] = ()
    disable: DisabledReason | None = None


def after(
    state: LaneState,
    receiver: Receiver,
    result: Result,
    tried: Tried,
    *,
    at: datetime,
    chance: float,
) -> LaneStep:
    """Return what follows from an attempt that ended now.

    Args:
        state: Of the lane, now (not when the attempt began: others ended meanwhile).
        receiver: What was sent to.
        result: What came of it.
        tried: The delivery.
        at: Now by PostgreSQL's clock.
        chance: Random, from 0 to 1.
    """
    taken = result.outcome is Outcome.SUCCESS and result.delivery_control is None
    plain = taken and result.rest is None
    if plain and tried.failures == 0 and state.breaker is Breaker.CLOSED:
        # What follows below comes to the same: nothing else does for nearly all deliveries.
        return LaneStep(after_success(state, receiver, at=at), _TAKEN_AT_ONCE)
    registered = receiver.endpoint_id is not None
    course = Course(
        steps=receiver.schedule,
        registered=registered,
        once=tried.kind in _SENT_ONCE,
        free=state.breaker is Breaker.OPEN and tried.trigger not in BY_HAND,
        by_hand=tried.trigger in BY_HAND,
    )
    decision = decide(
        result, course, failures=tried.failures, age=tried.age, at=at, chance=chance
    )
    following = _follow(state, receiver, result, tried, at=at)
    if result.rest is not None:
        following = _pause(following, at + result.rest)
    if decision.ended is None and receiver.ordering is Ordering.FIFO and not decision.stays:
        # It stays the head of its lane, which waits for it.
        decision = replace(decision, stays=True)
        following = _pause(following, at + (decision.delay or timedelta()))
    if decision.stays and following.blocked_until is not None:
        decision = replace(decision, delay=max(following.blocked_until - at, timedelta()))
    disable = reason_to_disable(state, result, at=at) if registered else None
    if disable is not None:
        following = _pause(following, at + _UNTIL_DISABLED)
    notices = tuple(_notices(state, following, receiver, decision, tried))
    return LaneStep(following, decision, notices, disable)


def _follow(
    state: LaneState, receiver: Receiver, result: Result, tried: Tried, *, at: datetime
) -> LaneState:
    match result.outcome:
        case Outcome.SUCCESS:
            return after_success(state, receiver, at=at)
        case Outcome.GONE if receiver.endpoint_id is None:
            # It says nothing against the other URLs of its origin, which answers.
            return after_success(state, receiver, at=at)
        case Outcome.RATE_LIMITED:
            return _pause(state, at + pause_asked(result, at=at))
        case Outcome.INTERNAL | Outcome.DEFERRED:
            return state if result.rest is not None else _pause(state, at + _INTERNAL_PAUSE)
        case Outcome.GONE | Outcome.REFUSED | Outcome.DISCARDED:
            return state
        case _:
            overload = result.outcome in OVERLOADS
            probe = tried.trigger is Trigger.PROBE
            return after_failure(state, receiver, overload=overload, probe=probe, at=at)


def _pause(state: LaneState, until: datetime) -> LaneState:
    return replace(state, blocked_until=later(state.blocked_until, until))


def _notices(
    before: LaneState,
    following: LaneState,
    receiver: Receiver,
    decision: Decision,
    tried: Tried,
) -> Iterator[EventType]:
    closed = before.breaker is Breaker.OPEN and following.breaker is not Breaker.OPEN
    if closed and receiver.endpoint_id is not None:
        yield EventType.ENDPOINT_RECOVERED
    # Of a notice that fails nobody is told: that would never end.
    if tried.kind not in TOLD_OF:
        return
    if decision.ended is Ended.EXHAUSTED:
        yield EventType.DELIVERY_EXHAUSTED
    elif decision.ended is Ended.DELIVERED and tried.failures >= FAILING_AT:
        yield EventType.DELIVERY_RECOVERED
    elif decision.failures == FAILING_AT > tried.failures:
        yield EventType.DELIVERY_FAILING
