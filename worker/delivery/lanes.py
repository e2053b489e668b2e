"""The lanes that this process owns, and what to fetch for them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from infra.clock import SystemClock
from infra.postgres.delivery import Owed, Want
from schemas.webhooks import Breaker, Ordering, Trigger
from worker.delivery.held_lane import HeldLane
from worker.delivery.lane_state import room
from worker.delivery.recovery_pace import Leave, RecoveryPace
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
# Most lanes have nothing of a recovery: of that so many are asked for to find out.
_PROBE: Final = 1
# A lane that may not be tried for longer than this is let go.
BRIEF: Final = timedelta(milliseconds=200)


class Lanes:
    """All lanes that are ours.

    Args:
        places: How much may be in flight at once.
        pace: Of what recoveries send again.
    """

    def __init__(self, places: Places, pace: RecoveryPace | None = None) -> None:
        self.turns = Turns(places)
        self.pace = pace or RecoveryPace(SystemClock())
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
            live = self._useful_live(lane) if lane.more_live or not refill else 0
            past = self._useful_past(lane)
            if not lane.more_past:
                past = 0 if refill else min(past, _PROBE)
            live = min(live, most)
            past = min(past, most - live)
            if live or past:
                in_order = lane.receiver.ordering is not Ordering.NONE
                spare = _SPARE if lane.has_waiting else 0
                wants.append(Want(lane.id, live, past, lane.held, in_order, spare))
                most -= live + past if lane.more_past else live
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
        lane.waiting.extend(one for one in owed if not one.rank)
        lane.past.extend(one for one in owed if one.rank)
        self.turns.offer(lane)

    def forget_waiting(self, lane: HeldLane) -> None:
        """Leave what has not begun to whoever looks next."""
        for one in (*lane.waiting, *lane.past):
            lane.held.pop(one.id, None)
            self._waiting_bytes -= _size(one)
        lane.waiting.clear()
        lane.past.clear()
        self.turns.withdraw(lane)

    def next_turn(self, *, now: float, at: datetime) -> tuple[HeldLane, Owed] | None:
        """Return a delivery that may begin; ``None``: nothing may.

        Args:
            now: By the loop's clock.
            at: By PostgreSQL's.
        """
        while (turn := self.turns.next_lane(self.pace.leave())) is not None:
            lane, past = turn
            line = lane.past if past else lane.waiting
            if now < lane.ends_at and lane.may_begin(line[0], at=at):
                owed = line.popleft()
                self._waiting_bytes -= _size(owed)
                self._tell_pace(lane, owed, now=now)
                return lane, owed
            wait = lane.free_in(at)
            if wait is not None:
                self._timed.append((lane, wait))
        lane = self.turns.waits_behind()
        if lane is not None and self.pace.leave() is Leave.NONE:
            self._timed.append((lane, timedelta(seconds=self.pace.wait())))
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
        """Return how much more of what is known to be due a lane could use."""
        live = self._useful_live(lane) if lane.more_live else 0
        return live + (self._useful_past(lane) if lane.more_past else 0)

    def _useful_live(self, lane: HeldLane) -> int:
        return self._useful(lane, len(lane.waiting), AHEAD)

    def _useful_past(self, lane: HeldLane) -> int:
        waiting = len(lane.waiting) + len(lane.past)
        return self._useful(lane, waiting, self.pace.ahead(AHEAD))

    def _useful(self, lane: HeldLane, waiting: int, ahead: int) -> int:
        if lane.returning:
            return 0
        here = room(lane.state, lane.receiver) - lane.in_flight - waiting
        if not (lane.quick and lane.proven) or self._waiting_bytes >= _MOST_WAITING_BYTES:
            return max(0, here)
        return 0 if waiting > ahead // 2 else max(0, ahead + here)

    def _tell_pace(self, lane: HeldLane, owed: Owed, *, now: float) -> None:
        if owed.rank:
            self.pace.began()
            return
        first = owed.attempt == 1 and owed.trigger is Trigger.SCHEDULED
        age = owed.age.total_seconds() + now - lane.held[owed.id]
        self.pace.saw_live(age if first else None)


def _size(owed: Owed) -> int:
    return len(owed.body or b"") + len(owed.thin or b"")
