"""When a queued job will probably start: a range that its true start should lie in. Pure.

A rate that was measured under load is the best guide; where little was served of late, slots
and the usual length of a job say what could be served. The range runs from the faster of the
two to the slower, and is widened by what is uncertain: few jobs ahead, reckoned counts,
arrivals of others, workers that finish all at the same time.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from infra.postgres.service_rates import HORIZON, ServiceRate

# A rate that rests on fewer jobs than this says nothing.
_ENOUGH_JOBS: Final = 10
# A measure that only begins to rise is not believed to be slower than this part of what the
# slots could do.
_SLOWEST: Final = 0.1
_UNPROVEN: Final = 3.0
# How wrong a measured rate is, in ordinary times.
_DOUBT: Final = 1.3
_RECKONED_DOUBT: Final = 2.0
# Others that come later and go first, as a part of those that are ahead now.
_NEWCOMERS: Final = 0.5
# From the release to the start, and from one look of a dispatcher to the next.
_HANDOVER_SECONDS: Final = 1.0
_FINE_BELOW: Final = 10.0


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is known of a job's way to its start.

    Attributes:
        in_flow: Jobs of its own flow ahead of it.
        in_lane: All jobs ahead of it in the lane.
        estimated: These numbers are reckoned.
        slots: Slots that take the lane; 0: nobody will start it.
        room: Slots that are free now, in all.
        share: The lane's part of the slots among the lanes that have work.
        flow_room: How many more jobs its tenant may have in flight now.
        max_inflight: How many it may have at all.
        not_before: Seconds until what it waits for is over.
    """

    in_flow: int
    in_lane: int
    estimated: bool
    slots: int
    room: int
    share: float
    flow_room: int
    max_inflight: int
    not_before: float = 0.0


def starts_within(
    prospect: Prospect, rates: Sequence[ServiceRate]
) -> tuple[float, float] | None:
    """Return the least and the most seconds until the job starts; ``None``: nobody knows.

    Args:
        prospect: Where the job stands.
        rates: How fast its lane serves each pool.
    """
    length = _usual_length(rates)
    if not prospect.slots or length is None:
        return None
    fast, slow = _jobs_per_second(prospect, rates, length)
    doubt = _RECKONED_DOUBT if prospect.estimated else _DOUBT
    doubt *= 1 + 2 / math.sqrt(prospect.in_lane + 1)
    newcomers = _NEWCOMERS * (prospect.in_lane - prospect.in_flow)
    own = _own_wait(prospect, length)
    waits = prospect.in_lane >= prospect.room or own > 0
    # A worker's slots may fall free all at once, or just have been taken.
    phase = length if waits else 0.0
    beyond = max(0.0, prospect.in_lane + 1 - max(0, prospect.room))
    low = max(beyond / fast / doubt - phase, own / doubt - phase, 0.0)
    high = max((beyond + newcomers) / slow if waits else 0.0, own) * doubt + phase
    return (
        max(_rounded(low, math.floor), prospect.not_before),
        _rounded(max(high, prospect.not_before) + _HANDOVER_SECONDS, math.ceil),
    )


def _jobs_per_second(
    prospect: Prospect, rates: Sequence[ServiceRate], length: float
) -> tuple[float, float]:
    possible = prospect.slots * prospect.share / length
    measured = sum(rate.jobs_per_second for rate in rates)
    if measured * HORIZON.total_seconds() < _ENOUGH_JOBS:
        # Alone, the lane may have every slot; but nobody has seen yet that these keep up.
        return max(possible, prospect.slots / length), possible / _UNPROVEN
    return max(possible, measured), max(min(possible, measured), possible * _SLOWEST)


def _usual_length(rates: Sequence[ServiceRate]) -> float | None:
    known = [(r.seconds_per_job, r.jobs_per_second) for r in rates if r.seconds_per_job]
    if not known:
        return None
    weight = sum(rate for _, rate in known)
    if weight <= 0:
        return sum(seconds for seconds, _ in known) / len(known)
    return sum(seconds * rate for seconds, rate in known) / weight


def _own_wait(prospect: Prospect, length: float) -> float:
    """Return the seconds until the tenant's own limit lets the job pass."""
    beyond = prospect.in_flow + 1 - prospect.flow_room
    return max(0.0, beyond * length / prospect.max_inflight)


def _rounded(seconds: float, towards: Callable[[float], int]) -> float:
    """Return two digits: more would only pretend, and change with every look."""
    step = 0.1 if seconds < _FINE_BELOW else 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return round(towards(seconds / step) * step, 1)
