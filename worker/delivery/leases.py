"""Which lanes this process owns: taken when they are due, kept, let go when they are idle."""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import asdict, fields, replace
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.clock import Clock
from infra.postgres.delivery_lanes import (
    LaneSaving,
    LaneStanding,
    LeasedLane,
    lease_lanes,
    let_go,
    read_standings,
    renew_lanes,
    time_of_server,
)
from infra.postgres.due_lanes import (
    PassedOver,
    abandoned_lanes,
    due_lanes,
    due_lanes_of_tenants,
    missed_lanes,
)
from infra.postgres.receivers import changed_receivers
from infra.webhook_receivers import Destination, Destinations
from worker.delivery.held_lane import HeldLane
from worker.delivery.lane_state import LaneState, began
from worker.delivery.lanes import Lanes
from worker.delivery.let_go import LetGo
from worker.delivery.recent import Recent
from worker.delivery.server_time import ServerTime

# A process owns no more lanes than this, and takes so many at a look.
_MOST: Final = 4000
_AT_ONCE: Final = 128
# How far a look sees along time; and along the tenants, when time does not show them all: of
# each so many lanes at the least, and more where tenants are few.
WINDOW: Final = 1000
TENANTS: Final = 100
EACH: Final = 4
# A lane that found nothing for so long is let go.
IDLE_SECONDS: Final = 1.0
# Lanes of the dead are looked for so often, or sooner where leases are short.
_ABANDONED_EVERY: Final = 1.0
_RENEWALS_PER_LEASE: Final = 3
# Secrets expire without anybody changing their endpoint.
_STALE_SECONDS: Final = 30.0
_REMEMBERED: Final = 10_000
_FIRST_ROUND: Final = (-1, 0)
_STANDING: Final = tuple(one.name for one in fields(LaneStanding))

_log: Final = structlog.get_logger()


class Leases:
    """Takes, keeps and gives up lanes.

    Args:
        lanes: What is ours.
        destinations: Reads where they lead.
        server_time: Is told PostgreSQL's time with every renewal.
        me: The number of this process.
        lease: How long a lane is ours without renewal.
        clock: Measures it.
    """

    def __init__(
        self,
        lanes: Lanes,
        destinations: Destinations,
        server_time: ServerTime,
        *,
        me: int,
        lease: timedelta,
        clock: Clock,
    ) -> None:
        self._lanes = lanes
        self._destinations = destinations
        self._server_time = server_time
        self._me = me
        self._lease = lease
        self._clock = clock
        self._renew_at = 0.0
        self._look_for_abandoned_at = 0.0
        # The tenant, and the trust in its lanes, after which the round goes on.
        self._round_at = _FIRST_ROUND
        self._each = EACH
        self._let_go = LetGo()
        self._recent: OrderedDict[int, Recent] = OrderedDict()

    async def keep(self, connection: AsyncConnection) -> None:
        """Renew the leases, if it is time; forget the lanes that somebody else has."""
        now = self._clock.monotonic()
        if now < self._renew_at:
            return
        self._server_time.tell(await time_of_server(connection))
        lanes = list(self._lanes)
        if lanes:
            savings = [saving_of(lane) for lane in lanes]
            kept = await renew_lanes(connection, savings, me=self._me, lease=self._lease)
            for lane, saving in zip(lanes, savings, strict=True):
                if lane.id in kept:
                    self._prolong(lane, now=now)
                    count_saved(lane, saving)
                else:
                    self._lose(lane)
        self._renew_at = now + self._lease.total_seconds() / _RENEWALS_PER_LEASE

    async def refresh(self, connection: AsyncConnection) -> None:
        """Read again where lanes lead whose receivers changed since."""
        lanes = list(self._lanes)
        known = [
            (lane.id, lane.tenant_id, lane.receiver.endpoint_id, lane.receiver.revision)
            for lane in lanes
        ]
        changed = set(await changed_receivers(connection, known))
        stale_at = self._clock.monotonic() - _STALE_SECONDS
        stale = changed | {lane.id for lane in lanes if lane.read_at <= stale_at}
        if not stale:
            return
        read = await self._destinations.read(connection, stale)
        standings = await read_standings(connection, changed)
        for lane in lanes:
            if lane.id in stale:
                self._lead(lane, read.get(lane.id))
            if lane.id in changed and (standing := standings.get(lane.id)) is not None:
                reset(lane, standing)

    async def take(self, connection: AsyncConnection) -> bool:
        """Lease lanes that are due, within what can be served.

        Returns:
            Whether there may be many more.
        """
        now = self._clock.monotonic()
        most = min(_AT_ONCE, _MOST - len(self._lanes))
        if most <= 0:
            return False
        ids = await self._look(connection, most=most, now=now)
        leased = await lease_lanes(connection, ids, me=self._me, lease=self._lease)
        read = await self._destinations.read(connection, [one.lease.lane_id for one in leased])
        for one in leased:
            destination = read.get(one.lease.lane_id)
            # Without one the lane was deleted in between.
            if destination is not None:
                self._lanes.own(self._held(one, destination, now=now))
        return len(leased) >= _AT_ONCE // 2

    def look_again_in(self) -> float | None:
        """Return the seconds until a look is made up for; ``None``: none has to be."""
        return self._let_go.due_in(self._clock.monotonic())

    async def let_go_spent(self, connection: AsyncConnection) -> None:
        """Let lanes go that have nothing to do for now."""
        idle_before = self._clock.monotonic() - IDLE_SECONDS
        spent = self._lanes.spent(self._server_time.now(), idle_before=idle_before)
        await self.let_go(connection, spent)

    async def let_go(self, connection: AsyncConnection, lanes: Collection[HeldLane]) -> None:
        """Let lanes go, whatever they hold; others may take them at once."""
        savings = [saving_of(lane) for lane in lanes]
        try:
            await let_go(connection, savings, me=self._me)
        except BaseException:
            # Others may have them already: nothing begins before it is known whose they are.
            self._renew_at = 0.0
            for lane in lanes:
                lane.ends_at = 0.0
            raise
        now = self._clock.monotonic()
        for lane in lanes:
            self._remember(lane)
            self._lanes.lose(lane)
            if not lane.destination.disabled:
                self._let_go.add(lane.id, now)

    async def _look(
        self, connection: AsyncConnection, *, most: int, now: float
    ) -> Collection[int]:
        turns = self._lanes.turns
        passed_over = PassedOver(turns.crowded(), turns.full())
        seen = await due_lanes(connection, most=most, window=WINDOW, passed_over=passed_over)
        ids = set(seen.ids)
        if seen.walled:
            # What lies behind the longest due ones is found by going round the tenants.
            found, last = await due_lanes_of_tenants(
                connection,
                after=self._round_at,
                most=TENANTS,
                each=self._each,
                passed_over=passed_over,
            )
            ids.update(found)
            few = len(found) < most
            self._each = min(2 * self._each, most) if few else max(self._each // 2, EACH)
            self._round_at = last or _FIRST_ROUND
        if now >= self._look_for_abandoned_at:
            every = min(_ABANDONED_EVERY, self._lease.total_seconds() / _RENEWALS_PER_LEASE)
            self._look_for_abandoned_at = now + every
            abandoned = await abandoned_lanes(connection, most=most)
            ids.update(lane for lane in abandoned if self._lanes.get(lane) is None)
        ids.update(await missed_lanes(connection, self._let_go.take(now)))
        return ids

    def _held(self, leased: LeasedLane, destination: Destination, *, now: float) -> HeldLane:
        self._let_go.discard(leased.lease.lane_id)
        recent = self._recent.get(leased.lease.lane_id, Recent())
        state = saved = LaneState(**asdict(leased.standing), recent=recent)
        if leased.orphaned:
            # Its last request may have begun only now, for all that is known.
            state = began(state, destination.receiver, at=self._server_time.now())
        return HeldLane(
            lease=leased.lease,
            tenant_id=leased.tenant_id,
            destination=destination,
            state=state,
            saved=saved,
            ends_at=now + self._lease.total_seconds(),
            read_at=now,
        )

    def _lead(self, lane: HeldLane, destination: Destination | None) -> None:
        if destination is None:
            self._lose(lane)
            return
        if destination != lane.destination:
            # What waits was chosen for the receiver as it was.
            self._lanes.forget_waiting(lane)
            lane.idle_since = None
            lane.more_live = lane.more_past = True
        lane.destination = destination
        lane.read_at = self._clock.monotonic()

    def _prolong(self, lane: HeldLane, *, now: float) -> None:
        ended = lane.ends_at <= self._clock.monotonic()
        lane.ends_at = now + self._lease.total_seconds()
        if ended:
            # Its turn may have come and gone meanwhile.
            self._lanes.turns.offer(lane)

    def _lose(self, lane: HeldLane) -> None:
        _log.info("lane_lost", lane_id=lane.id, deliveries=len(lane.held))
        self._lanes.lose(lane)

    def _remember(self, lane: HeldLane) -> None:
        self._recent.pop(lane.id, None)
        if lane.state.recent.failed:
            self._recent[lane.id] = lane.state.recent
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)


def saving_of(lane: HeldLane) -> LaneSaving:
    """Return what a lane's row shall say now."""
    return LaneSaving(
        lease=lane.lease,
        standing=standing_of(lane.state),
        delivered=lane.delivered,
        failed=lane.failed,
        rests=lane.destination.disabled,
    )


def standing_of(state: LaneState) -> LaneStanding:
    """Return the part of a lane's state that is stored."""
    return LaneStanding(*[getattr(state, name) for name in _STANDING])


def count_saved(lane: HeldLane, saving: LaneSaving) -> None:
    """Take off what was added to the row's counts."""
    lane.delivered -= saving.delivered
    lane.failed -= saving.failed


def reset(lane: HeldLane, standing: LaneStanding) -> None:
    """Begin with what somebody else wrote of the receiver: that it was mended.

    A throttle goes on: where it stands is in the row only now and then.
    """
    if standing != standing_of(lane.saved):
        lane.saved = LaneState(**asdict(standing))
        lane.state = replace(lane.saved, throttled_until=lane.state.throttled_until)
