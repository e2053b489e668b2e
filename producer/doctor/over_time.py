"""What only shows over time: rates, falling fences, unequal service. Pure judgements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.postgres.release import VTIME_SCALE


@dataclass(frozen=True, slots=True)
class Excess:
    """The interval in which a limit was exceeded most: what came, and what might have come."""

    begun: datetime
    ended: datetime
    units: float
    allowed: float


def rate_excess(
    releases: Sequence[tuple[datetime, float]],
    *,
    emission: timedelta,
    burst: int,
    slack: timedelta = timedelta(0),
) -> Excess | None:
    """Return the worst interval with more units than ``burst + length / emission``, if any.

    Args:
        releases: Instants, in order, and the units that each used.
        emission: The time that one unit takes.
        burst: How many may come at once.
        slack: How far an instant may be from the true one. A release is seen when it is
            sampled, or when its attempt starts, so it may have happened earlier by the time
            between two samples, or by the wait of a released job for its start.
    """
    worst: Excess | None = None
    worst_lead = burst + slack / emission
    begun: datetime | None = None
    since, total = 0.0, 0.0
    for at, units in releases:
        # Begin anew where what came before has been worked off.
        if begun is None or total - since <= (at - begun) / emission:
            begun, since = at, total
        total += units
        lead = total - since - (at - begun) / emission
        if lead > worst_lead:
            worst_lead = lead
            worst = Excess(begun, at, total - since, burst + (at - begun) / emission)
    return worst


@dataclass(frozen=True, slots=True)
class Served:
    """What a flow that always had work got between two instants, in virtual time."""

    gain: int
    weight: int


def unequal(served: Mapping[int, Served], quantum: float) -> list[tuple[int, int]]:
    """Return pairs of flows, the favoured first, of which one got too much more than the other.

    Too much is more than ``quantum * (1/w + 1/w')`` in ordinary jobs over weight: what one
    turn may give to a flow before the other has its own.

    Args:
        served: By tenant, of one lane and one interval in which all of them had work.
        quantum: Ordinary jobs that one turn may give to one flow.
    """
    by_gain = sorted(served, key=lambda tenant: served[tenant].gain)
    pairs: list[tuple[int, int]] = []
    for favoured in reversed(by_gain):
        for other in by_gain:
            one, two = served[favoured], served[other]
            if two.gain >= one.gain:
                break
            bound = quantum * VTIME_SCALE * (1 / one.weight + 1 / two.weight)
            if one.gain - two.gain > bound:
                pairs.append((favoured, other))
    return pairs
