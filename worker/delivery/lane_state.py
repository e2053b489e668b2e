"""What the owner of a lane knows of its receiver: loaded from, and saved to, ``webhook_lane``.

Every instant is PostgreSQL's: the owner reckons it from the time of its last statement and a
clock that only runs forward, so that setting the machine's clock hurries and holds nothing.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from schemas.events import OutboxKind
from schemas.receiver import Receiver
from schemas.webhooks import Breaker, Ordering, Trigger
from worker.delivery.pace import after_request, free_at
from worker.delivery.recent import Recent

# A throttle slower than this outlasts the owner's lease: it is saved with each request.
_SLOW_THROTTLE: Final = timedelta(seconds=5)
BY_HAND: Final = frozenset({Trigger.MANUAL, Trigger.TEST})


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where a lane stands; a new one is healthy. Columns of ``webhook_lane``, but ``recent``.

    Attributes:
        failures: In a row.
        failing_since: When the first of them ended.
        probes: Probes of the open breaker that failed.
        in_flight: The most at once, while that is less than the receiver's own limit.
        blocked_until: Nothing is sent before: an open breaker, or a receiver that asked to
            wait.
        throttled_until: Where the throttle stands (``pace``).
    """

    breaker: Breaker = Breaker.CLOSED
    failures: int = 0
    failing_since: datetime | None = None
    last_failure_at: datetime | None = None
    last_success_at: datetime | None = None
    probes: int = 0
    in_flight: int | None = None
    blocked_until: datetime | None = None
    throttled_until: datetime | None = None
    recent: Recent = field(default_factory=Recent, compare=False)


@dataclass(frozen=True, slots=True)
class Tried:
    """The delivery that an attempt was made for.

    Attributes:
        failures: Earlier attempts that used up a step of the schedule.
        age: Since the delivery was made.
        trigger: As it was sent: ``PROBE`` for what ``trigger_of`` said.
    """

    failures: int
    age: timedelta
    trigger: Trigger = Trigger.SCHEDULED
    kind: OutboxKind = OutboxKind.TERMINAL


def next_instant(state: LaneState, receiver: Receiver, *, at: datetime) -> datetime | None:
    """Return when the lane's next request may begin; ``None``: now, if there is ``room``."""
    free = free_at(state.throttled_until, rate=receiver.throttle, at=at)
    if state.blocked_until is not None:
        free = max(free, state.blocked_until)
    return free if free > at else None


def may_send(
    state: LaneState, receiver: Receiver, *, in_flight: int, at: datetime, by_hand: bool = False
) -> bool:
    """Return whether a request may begin now.

    Args:
        state: The lane's.
        receiver: The lane's.
        in_flight: The lane's requests that have not ended.
        at: Now.
        by_hand: Somebody waits for this one: it passes an open breaker, one at a time.
    """
    if by_hand and state.breaker is Breaker.OPEN:
        free = free_at(state.throttled_until, rate=receiver.throttle, at=at)
        return in_flight == 0 and free == at
    return in_flight < room(state, receiver) and next_instant(state, receiver, at=at) is None


def room(state: LaneState, receiver: Receiver) -> int:
    """Return how many requests the lane may have in flight."""
    if state.breaker is Breaker.OPEN or is_slowed(state) or receiver.ordering is Ordering.FIFO:
        return 1
    return min(receiver.max_in_flight, state.in_flight or receiver.max_in_flight)


def is_slowed(state: LaneState) -> bool:
    """Return whether a lane failed so often in a row that it is sent to one by one."""
    # Two is the least that is surprising: a lane that is well costs no logarithm.
    return state.failures > 1 and state.failures >= state.recent.surprising(state.failures)


def trigger_of(state: LaneState, trigger: Trigger) -> Trigger:
    """Return what a request is sent as, now."""
    probe = state.breaker is Breaker.OPEN and trigger not in BY_HAND
    return Trigger.PROBE if probe else trigger


def began(state: LaneState, receiver: Receiver, *, at: datetime) -> LaneState:
    """Return the state after a request began."""
    if receiver.throttle is None:
        return state
    until = after_request(state.throttled_until, rate=receiver.throttle, at=at)
    return replace(state, throttled_until=until)


def must_save(saved: LaneState, state: LaneState) -> bool:
    """Return whether the next owner must know of what changed since ``saved``.

    If so it is written in the statement that records the attempt; else when the lane is let
    go, or whenever its row is written anyhow (``saved != state``). A healthy lane is not
    written for its deliveries.
    """
    if (state.breaker, state.probes, state.in_flight) != (
        saved.breaker,
        saved.probes,
        saved.in_flight,
    ):
        return True
    return _later(state.blocked_until, saved.blocked_until) or _slow_throttle(saved, state)


def _later(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one > other)


def _slow_throttle(saved: LaneState, state: LaneState) -> bool:
    one, other = state.throttled_until, saved.throttled_until
    return one is not None and (other is None or one - other > _SLOW_THROTTLE)
