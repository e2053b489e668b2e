"""How many jobs each lane may release now: weighted turns over the lanes that want one. Pure.

Stride scheduling (Waldspurger and Weihl, 1995): each job costs its lane ``STRIDE / weight``
turns, and the lane with the lowest turn is next. A lane without a backlog leaves its share to
the others; when it returns, it has no credit beyond ``CREDIT``.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.lanes import Lane

STRIDE: Final = 1_000_000
# How far a lane may fall behind before its turn is moved up: two jobs of the lightest lane.
CREDIT: Final = 2 * STRIDE


@dataclass(frozen=True, slots=True)
class LaneDemand:
    """A lane that may have ready jobs: its turn, and how many its workers can take."""

    lane: Lane
    turn: int
    room: int


def stride_of(lane: Lane, weights: Mapping[Lane, int]) -> int:
    """Return what one job adds to the lane's turn."""
    return STRIDE // weights[lane]


def turn_floor(turns: Sequence[int]) -> int:
    """Return the least turn a lane may claim, given the turns of all lanes."""
    return max(turns, default=0) - CREDIT


def share(
    demands: Sequence[LaneDemand],
    weights: Mapping[Lane, int],
    window: int,
    *,
    floor: int,
    kept: Mapping[Lane, int] | None = None,
) -> dict[Lane, int]:
    """Divide ``window`` jobs among the lanes.

    Args:
        demands: The lanes with a backlog.
        weights: Every lane's weight.
        window: How many jobs may be released in all.
        floor: ``turn_floor`` of all lanes.
        kept: Of the window, what is reserved for a lane and not yet in use: no other gets it.

    Returns:
        Jobs per lane, none of them 0, and together at most ``window``.
    """
    heap = [
        (max(demand.turn, floor), place, demand)
        for place, demand in enumerate(demands)
        if demand.room > 0
    ]
    heapq.heapify(heap)
    given: dict[Lane, int] = {}
    kept = dict(kept or {})
    open_window = window - sum(kept.values())
    while heap and window > 0:
        turn, place, demand = heapq.heappop(heap)
        if kept.get(demand.lane, 0) > 0:
            kept[demand.lane] -= 1
        elif open_window > 0:
            open_window -= 1
        else:
            # Only others' reserve is left; this lane has no more turns.
            continue
        given[demand.lane] = given.get(demand.lane, 0) + 1
        window -= 1
        if given[demand.lane] < demand.room:
            heapq.heappush(heap, (turn + stride_of(demand.lane, weights), place, demand))
    return given
