"""Whose turn it is: tenants in turn, their lanes in turn, within what may be in flight.

A lane fills its own window and no more. Where there are fewer sockets than lanes want, neither
a receiver that hangs, nor a tenant with a thousand of them, takes what others need.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from worker.delivery.held_lane import HeldLane


@dataclass(frozen=True, slots=True)
class Places:
    """How much is in flight at once from one process.

    Attributes:
        most: Over all lanes: sockets.
        per_tenant: Of one tenant.
        unproven: Over all lanes whose last attempt did not succeed, or that were never tried.
    """

    most: int = 1000
    per_tenant: int = 250
    unproven: int = 500


_Line = OrderedDict[int, OrderedDict[int, HeldLane]]


class Turns:
    """The lanes that have something to begin, in two lines, and what is in flight.

    Args:
        places: How much may be.
    """

    def __init__(self, places: Places) -> None:
        self._places: Final = places
        self._in_flight = 0
        self._unproven = 0
        self._of_tenants: dict[int, int] = {}
        # By tenant, then by lane: a line of lanes that are proven, and one of the others.
        self._lines: dict[bool, _Line] = {True: OrderedDict(), False: OrderedDict()}
        self._next_line = True

    def offer(self, lane: HeldLane) -> None:
        """Put a lane at the end of its line, if it has something to begin."""
        self.withdraw(lane)
        if lane.waiting and not lane.lost:
            line = self._lines[lane.proven]
            line.setdefault(lane.tenant_id, OrderedDict())[lane.id] = lane

    def withdraw(self, lane: HeldLane) -> None:
        """Take a lane out of its line."""
        for line in self._lines.values():
            lanes = line.get(lane.tenant_id)
            if lanes is not None and lanes.pop(lane.id, None) is not None and not lanes:
                del line[lane.tenant_id]

    def next_lane(self) -> HeldLane | None:
        """Take the lane out of its line whose turn it is; ``None``: nothing may begin."""
        if self._in_flight >= self._places.most:
            return None
        for proven in (self._next_line, not self._next_line):
            if proven or self._unproven < self._places.unproven:
                lane = self._first(self._lines[proven])
                if lane is not None:
                    self._next_line = not proven
                    return lane
        return None

    def begin(self, lane: HeldLane) -> bool:
        """Count a request that begins, and return how to count its end."""
        proven = lane.proven
        lane.in_flight += 1
        self._in_flight += 1
        self._of_tenants[lane.tenant_id] = self._of_tenants.get(lane.tenant_id, 0) + 1
        self._unproven += not proven
        return proven

    def end(self, lane: HeldLane, *, proven: bool) -> None:
        """Count a request that ended; ``proven`` is what ``begin`` returned."""
        lane.in_flight -= 1
        self._in_flight -= 1
        self._unproven -= not proven
        left = self._of_tenants[lane.tenant_id] - 1
        if left:
            self._of_tenants[lane.tenant_id] = left
        else:
            del self._of_tenants[lane.tenant_id]

    def full_tenants(self) -> set[int]:
        """Return tenants of whom as many lanes wait as could be served at once."""
        waiting: dict[int, int] = {}
        for line in self._lines.values():
            for tenant_id, lanes in line.items():
                waiting[tenant_id] = waiting.get(tenant_id, 0) + len(lanes)
        return {tenant for tenant, n in waiting.items() if n >= self._places.per_tenant}

    def crowded(self) -> bool:
        """Return whether as many lanes that are not proven wait as could be served at once."""
        waiting = sum(len(lanes) for lanes in self._lines[False].values())
        return waiting >= self._places.unproven

    def _first(self, line: _Line) -> HeldLane | None:
        for tenant_id, lanes in line.items():
            if self._of_tenants.get(tenant_id, 0) < self._places.per_tenant:
                _, lane = lanes.popitem(last=False)
                line.move_to_end(tenant_id)
                if not lanes:
                    del line[tenant_id]
                return lane
        return None
