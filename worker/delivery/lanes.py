"""What this process holds of each lane: in flight, or leased ahead and waiting. In memory.

A lane whose receiver does not answer in time shrinks to one delivery in flight, so that a few
dead receivers cannot fill the process; each success doubles it again up to the limit. A lane
whose receiver answers at once gets leases ahead, so that it does not wait for the database
between one handful of deliveries and the next.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from infra.postgres.delivery import Lane, Owed

# Leases ahead of what is in flight; more are fetched when half of them are used up.
AHEAD: Final = 56
# Idle lanes beyond this many are forgotten, the idlest first; they start afresh.
_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Window:
    size: int
    in_flight: int = 0
    quick: bool = False
    # Whether the last look saw more than it leased.
    more: bool = False
    waiting: deque[Owed] = field(default_factory=deque[Owed])


class Lanes:
    """The windows of all lanes.

    Args:
        most: In flight over all lanes; as many again may wait.
        per_lane: In flight in one lane.
    """

    def __init__(self, *, most: int, per_lane: int) -> None:
        self._most = most
        self._per_lane = per_lane
        self._in_flight = 0
        self._waiting = 0
        self._windows: dict[Lane, _Window] = {}

    @property
    def free(self) -> int:
        """How many more deliveries may be in flight, over all lanes."""
        return self._most - self._in_flight

    @property
    def depth(self) -> int:
        """The most of one lane that it can be of use to know of."""
        return self._per_lane + AHEAD

    def room(self, lane: Lane) -> int:
        """Return how many more deliveries of ``lane`` may be in flight."""
        window = self._windows.get(lane)
        if window is None:
            return min(self._per_lane, self.free)
        return max(0, min(window.size - window.in_flight, self.free))

    def share(self, due: Mapping[Lane, int]) -> dict[Lane, int]:
        """Share the free places among lanes: one each in turn, until all are content.

        Args:
            due: How many each lane could use; the first are served first.

        Returns:
            The lanes that get something, in the same order, each at most its room.
        """
        useful = {lane: min(count, self.room(lane)) for lane, count in due.items()}
        free = self.free
        shares: dict[Lane, int] = {}
        hungry: list[Lane] = [lane for lane, most in useful.items() if most > 0]
        while free > 0 and hungry:
            for lane in hungry[:free]:
                shares[lane] = shares.get(lane, 0) + 1
            free -= len(hungry[:free])
            hungry = [lane for lane in hungry if shares.get(lane, 0) < useful[lane]]
        return shares

    def share_ahead(
        self, due: Mapping[Lane, int], shares: Mapping[Lane, int]
    ) -> dict[Lane, int]:
        """Return ``shares`` and, for lanes that are quick and full, leases ahead."""
        widened = dict(shares)
        free = self._most - self._waiting
        for lane, count in due.items():
            window, share = self._windows.get(lane), shares.get(lane, 0)
            if window and window.quick and window.in_flight + share >= window.size:
                extra = min(count - share, AHEAD - len(window.waiting), free)
                if extra > 0:
                    widened[lane] = share + extra
                    free -= extra
        return widened

    def add(
        self, owed: Sequence[Owed], *, due: Mapping[Lane, int], shares: Mapping[Lane, int]
    ) -> None:
        """Take what was leased; ``next_of`` gives it out again.

        Args:
            owed: The leased deliveries.
            due: What the look saw of each lane.
            shares: The most that it asked for, of each lane.
        """
        for lane, count in due.items():
            if lane in shares or lane in self._windows:
                window = self._windows.setdefault(lane, _Window(self._per_lane))
                window.more = count > shares.get(lane, 0)
        for one in owed:
            self._windows[one.lane].waiting.append(one)
        self._waiting += len(owed)

    def next_of(self, lane: Lane) -> Owed | None:
        """Return the next delivery of ``lane`` if it may begin, and count it as in flight."""
        window = self._windows[lane]
        # A lane with something waiting has something in flight, whose end begins the next.
        if not window.waiting or window.in_flight >= window.size or self.free <= 0:
            return None
        window.in_flight += 1
        self._in_flight += 1
        self._waiting -= 1
        return window.waiting.popleft()

    def end(self, lane: Lane, *, in_time: bool | None, quick: bool) -> bool:
        """Count a delivery that ended.

        Args:
            lane: Where.
            in_time: Whether the receiver took it, or was too slow; ``None``: neither.
            quick: Whether the receiver answered at once, whatever it answered.

        Returns:
            Whether more may be due that could now be leased.
        """
        none_free = self.free <= 0
        # Put back at the end: the idlest lanes are the first.
        window = self._windows.pop(lane)
        self._windows[lane] = window
        window.in_flight -= 1
        self._in_flight -= 1
        window.quick = quick
        if in_time is not None:
            grown = min(2 * window.size, self._per_lane)
            window.size = grown if in_time else max(1, window.size // 2)
        self._forget_one()
        return none_free or (window.more and len(window.waiting) <= AHEAD // 2)

    def give_up(self, lane: Lane) -> list[Owed]:
        """Return what waits in ``lane`` if its receiver is no longer quick.

        Its leases, begun so late, might end before the attempts do.
        """
        window = self._windows[lane]
        return [] if window.quick else self._empty(window)

    def give_up_all(self) -> list[Owed]:
        """Return everything that has not begun."""
        return [one for window in self._windows.values() for one in self._empty(window)]

    def _empty(self, window: _Window) -> list[Owed]:
        given_up = list(window.waiting)
        window.waiting.clear()
        self._waiting -= len(given_up)
        return given_up

    def _forget_one(self) -> None:
        if len(self._windows) <= _REMEMBERED:
            return
        idle = (lane for lane, w in self._windows.items() if not w.in_flight and not w.waiting)
        lane = next(idle, None)
        if lane is not None:
            del self._windows[lane]
