"""The lanes that this process owns, and what to fetch for them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from infra.postgres.delivery import Owed, Want
from schemas.webhooks import Breaker, Ordering
from worker.delivery.held_lane import HeldLane
from worker.delivery.lane_state import room
from worker.delivery.turns import Places, Turns

# What is fetched ahead of a receiver that answers at once, so that it does not wait for the
# database between one handful of deliveries and the next; more when half of it is used up.
AHEAD: Final = 56
# So much of bodies may wait before nothing is fetched ahead any more.
_MOST_WAITING_BYTES: Final = 16 << 20
# At one look; their bodies are in memory until they are sent.
_MOST_AT_ONCE: Final = 2000
_MOST_BYTES_AT_ONCE: Final = 8 << 20
# Where some events had to wait for others of their jobs, so many more are looked at.
_SPARE: Final = 64
# A lane that may not be tried for longer than this is let go.
BRIEF: Final = timedelta(milliseconds=200)


class Lanes:
    """All lanes that are ours.

    Args:
        places: How much may be in flight at once.
    """

    def __init__(self, places: Places) -> None:
        self.turns = Turns(places)
        self._lanes: dict[int, HeldLane] = {}
        self._waiting_bytes = 0
        # Of what was fetched last, in bytes.
        self._usual_size = 2_000.0
        self._timed: list[tuple[HeldLane, timedelta]] = []

    def __len__(self) -> int:
        return len(self._lanes)

    def __iter__(self) -> Iterator[HeldLane]:
        return iter(list(self._lanes.values()))

    def get(self, lane_id: int) -> HeldLane | None:
        """Return a lane if it is ours."""
        return self._lanes.get(lane_id)

    def own(self, lane: HeldLane) -> None:
        """Take a lane that was leased."""
        self._lanes[lane.id] = lane

    def lose(self, lane: HeldLane) -> None:
        """Forget a lane: nothing of it begins any more, nothing of it is recorded."""
        lane.lost = True
        self.forget_waiting(lane)
        if self._lanes.get(lane.id) is lane:
            del self._lanes[lane.id]

    def wants(self, *, at: datetime, refill: bool, most: int = _MOST_AT_ONCE) -> list[Want]:
        """Return what lanes could use, those first that were not asked for longest.

        Args:
            at: Now, by PostgreSQL's clock.
            refill: Ask for lanes alone of which more is known to be due.
            most: So many deliveries in all; fewer, if their bodies are large.
        """
        wants: list[Want] = []
        most = min(most, int(_MOST_BYTES_AT_ONCE / self._usual_size))
        for lane in self:
            if most <= 0:
                break
            if (refill and not lane.more) or lane.is_held_back(at):
                continue
            count = min(self.useful(lane), most)
            if count > 0:
                in_order = lane.receiver.ordering is not Ordering.NONE
                spare = _SPARE if lane.has_waiting else 0
                wants.append(Want(lane.id, count, lane.held, in_order, spare))
                most -= count
                self._lanes[lane.id] = self._lanes.pop(lane.id)
        return wants

    def wanted_by_hand(self, at: datetime, *, disabled: bool) -> list[int]:
        """Return lanes that send nothing now but what somebody asked for by hand."""
        return [
            lane.id
            for lane in self._lanes.values()
            if not lane.held
            and lane.destination.disabled == disabled
            and (disabled or (lane.is_held_back(at) and lane.state.breaker is Breaker.OPEN))
        ]

    def add(self, lane: HeldLane, owed: Sequence[Owed], *, now: float) -> None:
        """Let what was fetched wait in its lane for its turn."""
        for one in owed:
            size = _size(one)
            lane.held[one.id] = now
            self._waiting_bytes += size
            self._usual_size += (max(size, 500) - self._usual_size) / 64
        lane.waiting.extend(owed)
        self.turns.offer(lane)

    def forget_waiting(self, lane: HeldLane) -> None:
        """Leave what has not begun to whoever looks next."""
        for one in lane.waiting:
            lane.held.pop(one.id, None)
            self._waiting_bytes -= _size(one)
        lane.waiting.clear()
        self.turns.withdraw(lane)

    def next_turn(self, *, now: float, at: datetime) -> tuple[HeldLane, Owed] | None:
        """Return a delivery that may begin; ``None``: nothing may.

        Args:
            now: By the loop's clock.
            at: By PostgreSQL's.
        """
        while (lane := self.turns.next_lane()) is not None:
            if now < lane.ends_at and lane.may_begin(lane.waiting[0], at=at):
                owed = lane.waiting.popleft()
                self._waiting_bytes -= _size(owed)
                return lane, owed
            wait = lane.free_in(at)
            if wait is not None:
                self._timed.append((lane, wait))
        return None

    def take_timed(self) -> list[tuple[HeldLane, timedelta]]:
        """Return the lanes that would have had their turn, and how long each must wait."""
        timed, self._timed = self._timed, []
        return timed

    def spent(self, at: datetime, *, idle_before: float) -> list[HeldLane]:
        """Return lanes that hold nothing and have nothing to do.

        Args:
            at: By PostgreSQL's clock.
            idle_before: Those that found nothing since then, by the loop's clock.
        """
        return [
            lane
            for lane in self._lanes.values()
            if not lane.held
            and (
                lane.is_held_back(at + BRIEF)
                or (lane.idle_since is not None and lane.idle_since <= idle_before)
            )
        ]

    def useful(self, lane: HeldLane) -> int:
        """Return how much more a lane could use."""
        if lane.returning:
            return 0
        here = room(lane.state, lane.receiver) - lane.in_flight - len(lane.waiting)
        if not (lane.quick and lane.proven) or self._waiting_bytes >= _MOST_WAITING_BYTES:
            return here
        return 0 if len(lane.waiting) > AHEAD // 2 else AHEAD + here


def _size(owed: Owed) -> int:
    return len(owed.body or b"") + len(owed.thin or b"")
