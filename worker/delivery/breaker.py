"""The circuit breaker of a lane: a receiver that is down is asked rarely. Pure.

While it is open nothing of the backlog is tried and no step of a schedule is used up; one
probe after another, each twice as late as the one before, finds out when it is back.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from schemas.receiver import Receiver
from schemas.webhooks import Breaker
from worker.delivery.lane_state import LaneState, is_slowed
from worker.delivery.recent import Recent

_FAILURES_IN_A_ROW: Final = 5
_SPREAD: Final = timedelta(seconds=10)
_ATTEMPTS: Final = 10
_FAILED_SHARE: Final = 0.7
# A lane that fails more than it usually does goes slower and slower until its breaker opens.
_GAPS: Final = (timedelta(seconds=1), timedelta(seconds=3), timedelta(seconds=10))
_FIRST_PROBE: Final = timedelta(seconds=30)
_DOUBLINGS: Final = 5


def after_success(state: LaneState, receiver: Receiver, *, at: datetime) -> LaneState:
    """Return the state after the receiver took something: closed, and wider."""
    breaker, in_flight = _grown(state, receiver)
    recent = Recent() if state.breaker is Breaker.OPEN else state.recent
    return LaneState(
        breaker=breaker,
        last_failure_at=state.last_failure_at,
        last_success_at=at,
        in_flight=in_flight,
        blocked_until=_blocked_still(state, at=at),
        throttled_until=state.throttled_until,
        recent=recent.add(failed=False, at=at),
    )


def after_failure(
    state: LaneState, receiver: Receiver, *, overload: bool, probe: bool, at: datetime
) -> LaneState:
    """Return the state after a failure that counts.

    Args:
        state: Before.
        receiver: What failed.
        overload: It could not keep up: its lane halves.
        probe: It was the open breaker's probe.
        at: Now.
    """
    failed = replace(
        state,
        failures=state.failures + 1,
        failing_since=state.failing_since or at,
        last_failure_at=at,
        in_flight=_halved(state, receiver) if overload else state.in_flight,
        recent=state.recent.add(failed=True, at=at),
    )
    if state.breaker is Breaker.OPEN:
        return _probed(failed, receiver, at=at) if probe else failed
    if _opens(failed, at=at):
        blocked = later(failed.blocked_until, at + _FIRST_PROBE)
        return replace(failed, breaker=Breaker.OPEN, probes=0, blocked_until=blocked)
    if not is_slowed(failed):
        return failed
    excess = failed.failures - failed.recent.surprising(failed.failures)
    gap = _GAPS[min(excess, len(_GAPS) - 1)]
    return replace(failed, blocked_until=later(failed.blocked_until, at + gap))


def later(one: datetime | None, other: datetime) -> datetime:
    """Return the later of two instants."""
    return other if one is None else max(one, other)


def _blocked_still(state: LaneState, *, at: datetime) -> datetime | None:
    """Return until when a receiver that took something asked to be left alone."""
    if state.breaker is Breaker.OPEN or state.blocked_until is None:
        return None
    # Longer than any pause of ours: the receiver asked for it, after this older request.
    asked = state.failures == 0 or state.blocked_until > at + _GAPS[-1]
    return state.blocked_until if asked else None


def _probed(state: LaneState, receiver: Receiver, *, at: datetime) -> LaneState:
    probes = state.probes + 1
    wait = min(_FIRST_PROBE * 2 ** min(probes, _DOUBLINGS), receiver.longest_probe)
    return replace(state, probes=probes, blocked_until=later(state.blocked_until, at + wait))


def _opens(state: LaneState, *, at: datetime) -> bool:
    spread = at - (state.failing_since or at)
    least = max(_FAILURES_IN_A_ROW, state.recent.surprising(state.failures))
    if state.failures >= least and spread >= _SPREAD:
        return True
    tried = state.recent.tried
    return tried >= _ATTEMPTS and state.recent.failed >= _FAILED_SHARE * tried


def _grown(state: LaneState, receiver: Receiver) -> tuple[Breaker, int | None]:
    if state.breaker is Breaker.OPEN:
        size = 1
    elif state.in_flight is None:
        return Breaker.CLOSED, None
    else:
        size = 2 * state.in_flight
    if size >= receiver.max_in_flight:
        return Breaker.CLOSED, None
    return (Breaker.CLOSED if state.breaker is Breaker.CLOSED else Breaker.SLOW_START), size


def _halved(state: LaneState, receiver: Receiver) -> int:
    return max(1, (state.in_flight or receiver.max_in_flight) // 2)
