"""Whose turn it is: tenants in turn, their lanes in turn, within what may be in flight.

A lane fills its own window and no more. Where there are fewer sockets than lanes want, neither
a receiver that hangs, nor a tenant with a thousand of them, takes what others need: not those
of other tenants, not the receivers of its own that answer, and not one that is new. What a
recovery sends again stands in lines of its own, behind what is live.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import Final

from infra.postgres.due_lanes import Trust
from worker.delivery.held_lane import HeldLane
from worker.delivery.lines import Lines
from worker.delivery.recovery_pace import Leave

# Of what one tenant may have in flight: requests to lanes that fail, and first requests.
_FAILING_SHARE: Final = 0.6
_FIRST_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Places:
    """How much is in flight at once from one process.

    Attributes:
        most: Over all lanes: sockets.
        per_tenant: Of one tenant. At most three fifths of it to lanes that are not proven: its
            others go on.
        unproven: Over all lanes whose last attempt did not succeed, or that were never tried.
        first: Kept beside ``unproven`` for the first requests of lanes that were never tried,
            one each, which find out whether it hangs; at most a fifth of ``per_tenant`` for
            one tenant, and no more than it leaves free: while the receivers of eight tenants
            hang, those of the next are tried.
    """

    most: int = 1000
    per_tenant: int = 250
    unproven: int = 500
    first: int = 200

    def of_tenant(self, kind: "Kind") -> int:
        """Return how many places of a kind one tenant may hold."""
        match kind:
            case Kind.PROVEN:
                return self.per_tenant
            case Kind.UNPROVEN:
                return max(1, int(_FAILING_SHARE * self.per_tenant))
            case Kind.FIRST:
                return max(1, int(_FIRST_SHARE * self.per_tenant))

    def of_all(self, kind: "Kind") -> int:
        """Return how many places of a kind there are."""
        match kind:
            case Kind.PROVEN:
                return self.most
            case Kind.UNPROVEN:
                return self.unproven
            case Kind.FIRST:
                return self.first


class Kind(Enum):
    """What a place is for."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    FIRST = "first"
    """The only request in flight to a lane that was never tried."""


# Which places a lane may take, those first that it is to take first.
_KINDS: Final = {
    Trust.PROVEN: (Kind.PROVEN,),
    Trust.UNTRIED: (Kind.UNPROVEN, Kind.FIRST),
    Trust.FAILING: (Kind.UNPROVEN,),
}


class Turns:
    """The lanes that have something to begin, in their lines, and what is in flight.

    Args:
        places: How much may be.
    """

    def __init__(self, places: Places) -> None:
        self._places: Final = places
        # Asked for with every request.
        self._most_of_all: Final = {kind: places.of_all(kind) for kind in Kind}
        self._most_of_tenant: Final = {kind: places.of_tenant(kind) for kind in Kind}
        self._in_flight = 0
        self._of_kinds: Final = Counter[Kind]()
        self._of_tenants: Final = Counter[int]()
        self._of_both: Final = Counter[tuple[int, Kind]]()
        self._live: Final = Lines()
        self._past: Final = Lines()

    def offer(self, lane: HeldLane) -> None:
        """Have a lane wait for its turn, if it has something to begin."""
        trust = _stands(lane)
        # What a recovery sends again passes nothing that is live of its own lane.
        behind = lane.past and not lane.waiting and not lane.more_live
        for lines, waits in ((self._live, lane.waiting), (self._past, behind)):
            if waits and not lane.lost:
                lines.put(lane, trust)
            else:
                lines.remove(lane)

    def withdraw(self, lane: HeldLane) -> None:
        """Take a lane out of its lines."""
        self._live.remove(lane)
        self._past.remove(lane)

    def next_lane(self, leave: Leave = Leave.BEHIND) -> tuple[HeldLane, bool] | None:
        """Take the lane out of its line whose turn it is.

        Args:
            leave: Whether what a recovery sends again may begin.

        Returns:
            The lane, and whether it is the turn of what a recovery sends again; ``None``:
            nothing may begin.
        """
        if self._in_flight >= self._places.most:
            return None
        for past in _ORDERS[leave]:
            lane = (self._past if past else self._live).take(self._open, self._may)
            if lane is not None:
                return lane, past
        return None

    def waits_behind(self) -> HeldLane | None:
        """Return a lane of which a recovery sends something again; ``None``: there is none."""
        return self._past.first()

    def begin(self, lane: HeldLane) -> Kind:
        """Count a request that begins, and return what place it takes."""
        kind = self._free(lane.tenant_id, _stands(lane))
        lane.in_flight += 1
        self._count(lane.tenant_id, kind, 1)
        return kind

    def end(self, lane: HeldLane, kind: Kind) -> None:
        """Count a request that ended; ``kind`` is what ``begin`` returned."""
        lane.in_flight -= 1
        self._count(lane.tenant_id, kind, -1)

    def full(self) -> set[tuple[int, Trust]]:
        """Return of whom as many lanes of a trust wait as could be served at once."""
        waiting = self._live.count() + self._past.count()
        return {
            (tenant_id, trust)
            for (tenant_id, trust), n in waiting.items()
            if n >= sum(self._places.of_tenant(kind) for kind in _KINDS[trust])
        }

    def crowded(self) -> set[Trust]:
        """Return which lanes wait, by trust, as many as could be served at once."""
        waiting = Counter[Trust]()
        for (_, trust), n in (self._live.count() + self._past.count()).items():
            waiting[trust] += n
        return {
            trust
            for trust, n in waiting.items()
            if trust is not Trust.PROVEN
            and n >= sum(self._places.of_all(kind) for kind in _KINDS[trust])
        }

    def _open(self, trust: Trust) -> bool:
        return any(self._of_kinds[kind] < self._most_of_all[kind] for kind in _KINDS[trust])

    def _may(self, tenant_id: int, trust: Trust) -> bool:
        if self._of_tenants[tenant_id] >= self._places.per_tenant:
            return False
        return self._has_room(tenant_id, self._free(tenant_id, trust))

    def _free(self, tenant_id: int, trust: Trust) -> Kind:
        kinds = _KINDS[trust]
        for kind in kinds:
            if self._has_room(tenant_id, kind):
                return kind
        return kinds[-1]

    def _has_room(self, tenant_id: int, kind: Kind) -> bool:
        free = self._most_of_all[kind] - self._of_kinds[kind]
        if free <= 0:
            return False
        held = self._of_both[tenant_id, kind]
        if kind is Kind.FIRST and held >= free:
            # Choudhury, Hahne: Dynamic Queue Length Thresholds, 1998: who holds places leaves
            # as many to those who hold none.
            return False
        return held < self._most_of_tenant[kind]

    def _count(self, tenant_id: int, kind: Kind, n: int) -> None:
        self._in_flight += n
        self._of_kinds[kind] += n
        self._of_both[tenant_id, kind] += n
        self._of_tenants[tenant_id] += n
        if not self._of_both[tenant_id, kind]:
            del self._of_both[tenant_id, kind]
        if not self._of_tenants[tenant_id]:
            del self._of_tenants[tenant_id]


_ORDERS: Final = {Leave.NONE: (False,), Leave.BEHIND: (False, True), Leave.FIRST: (True, False)}


def _stands(lane: HeldLane) -> Trust:
    """Return which line a lane stands in: of one that was never tried one request tells."""
    return Trust.FAILING if lane.trust is Trust.UNTRIED and lane.in_flight else lane.trust
