"""Lanes that wait for their turn: tenants in turn, and of each tenant its lanes in turn."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Final

from infra.postgres.due_lanes import Trust
from worker.delivery.held_lane import HeldLane

_Line = OrderedDict[int, OrderedDict[int, HeldLane]]


class Lines:
    """A line for each kind of trust, and these in turn. A lane stands in one of them, once."""

    def __init__(self) -> None:
        # By tenant, then by lane.
        self._lines: Final[dict[Trust, _Line]] = {trust: OrderedDict() for trust in Trust}
        self._stands: Final[dict[int, Trust]] = {}
        self._order = list(Trust)

    def put(self, lane: HeldLane, trust: Trust) -> None:
        """Put a lane at the end of a line, unless it stands there already."""
        if self._stands.get(lane.id) is trust:
            return
        self.remove(lane)
        self._stands[lane.id] = trust
        self._lines[trust].setdefault(lane.tenant_id, OrderedDict())[lane.id] = lane

    def remove(self, lane: HeldLane) -> None:
        """Take a lane out of its line."""
        trust = self._stands.pop(lane.id, None)
        if trust is not None:
            line = self._lines[trust]
            del line[lane.tenant_id][lane.id]
            if not line[lane.tenant_id]:
                del line[lane.tenant_id]

    def take(
        self, may_some: Callable[[Trust], bool], may: Callable[[int, Trust], bool]
    ) -> HeldLane | None:
        """Take the lane out whose turn it is.

        Args:
            may_some: Whether any lane that is trusted so may have its turn.
            may: Whether a lane of this tenant, trusted so, may have its turn.

        Returns:
            ``None``: none may.
        """
        for place, trust in enumerate(self._order):
            line = self._lines[trust]
            if not line or not may_some(trust):
                continue
            for tenant_id, lanes in line.items():
                if may(tenant_id, trust):
                    lane = next(iter(lanes.values()))
                    line.move_to_end(tenant_id)
                    self.remove(lane)
                    self._order.append(self._order.pop(place))
                    return lane
        return None

    def first(self) -> HeldLane | None:
        """Return a lane that waits; ``None``: none does."""
        for line in self._lines.values():
            for lanes in line.values():
                return next(iter(lanes.values()))
        return None

    def count(self) -> Counter[tuple[int, Trust]]:
        """Return how many lanes wait, by tenant and trust."""
        return Counter(
            {
                (tenant_id, trust): len(lanes)
                for trust, line in self._lines.items()
                for tenant_id, lanes in line.items()
            }
        )
