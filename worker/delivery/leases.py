"""Which due deliveries this process takes, so that no lane waits for another's backlog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.delivery import Lane, Owed, due_lanes, lanes_after, lease_due
from worker.delivery.lanes import Lanes

# How far one look sees along time, and along the lanes when time does not show them all.
WINDOW: Final = 512
SWEEP: Final = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """What one look leased.

    Attributes:
        owed: The deliveries.
        due: How many were seen of each lane.
        shares: The most that was asked for, of each lane.
        unfinished: A round of the lanes stopped for lack of time rather than of room; look
            again at once.
    """

    owed: Sequence[Owed]
    due: Mapping[Lane, int]
    shares: Mapping[Lane, int]
    unfinished: bool


class Leases:
    """Takes leases within the room that the lanes have.

    The longest due deliveries show every lane that has something due, as long as they are
    fewer than ``WINDOW``. Behind such a wall of deliveries the lanes are visited in turn.

    Args:
        lanes: What is in flight.
        lease: How long a delivery is ours.
    """

    def __init__(self, lanes: Lanes, *, lease: timedelta) -> None:
        self._lanes = lanes
        self._lease = lease
        # The lane after which the round goes on; None: no round is under way.
        self._round_at: Lane | None = None
        # Whether it stopped there for lack of room, with lanes before and behind it waiting.
        self._short_of_room = False

    async def take(self, connection: AsyncConnection) -> Taken:
        """Lease what is due and there is room for."""
        due: dict[Lane, int] = {}
        if self._round_at is None:
            due = await due_lanes(connection, window=WINDOW)
        if self._round_at is None and sum(due.values()) < WINDOW:
            shares, unfinished = self._lanes.share(due), False
        else:
            due, shares, unfinished = await self._go_round(connection)
        shares = self._lanes.share_ahead(due, shares)
        owed = await lease_due(connection, shares, lease=self._lease)
        return Taken(owed, due, shares, unfinished)

    async def _go_round(
        self, connection: AsyncConnection
    ) -> tuple[dict[Lane, int], dict[Lane, int], bool]:
        depth = self._lanes.depth
        due = await lanes_after(connection, self._round_at, most=SWEEP, depth=depth)
        if self._short_of_room and len(due) < SWEEP:
            # Behind the last lane comes the first: nobody's turn is better for being last.
            due |= await lanes_after(connection, None, most=SWEEP - len(due), depth=depth)
        shares = self._lanes.share(due)
        self._short_of_room = sum(shares.values()) >= self._lanes.free
        if self._short_of_room:
            # Those that come after the last one served are first when there is room again.
            self._round_at = list(shares)[-1]
            return due, shares, False
        self._round_at = list(due)[-1] if len(due) == SWEEP else None
        return due, shares, self._round_at is not None
