"""What a look brings into the lanes that are ours: what can be sent, in its order."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.clock import Clock
from infra.postgres.delivery import Found, Want, fetch_by_hand, fetch_due, push_behind
from worker.delivery.attempts import Attempts
from worker.delivery.held_lane import HeldLane
from worker.delivery.lanes import Lanes


async def fetch(
    connection: AsyncConnection,
    lanes: Lanes,
    attempts: Attempts,
    *,
    around: bool,
    clock: Clock,
) -> None:
    """Fetch what lanes could use, and begin what may begin.

    Args:
        connection: To read with.
        lanes: That are ours.
        attempts: Begins what was fetched.
        around: Ask for every lane; else for those alone of which more is known to be due.
        clock: Says since when something is held.
    """
    at = attempts.server_time.now()
    wants = lanes.wants(at=at, refill=not around)
    found = await fetch_due(connection, wants)
    now = clock.monotonic()
    pushed: list[Found] = []
    for want, rows in _by_lane(wants, found):
        lane = lanes.get(want.lane_id)
        if lane is not None:
            pushed += _add(lane, want, rows, lanes, attempts, now=now)
    attempts.begin()
    if pushed:
        await push_behind(connection, pushed)
    if around:
        await _fetch_by_hand(connection, lanes, attempts, clock=clock)


async def _fetch_by_hand(
    connection: AsyncConnection, lanes: Lanes, attempts: Attempts, *, clock: Clock
) -> None:
    at = attempts.server_time.now()
    for disabled in (False, True):
        ids = lanes.wanted_by_hand(at, disabled=disabled)
        for one in await fetch_by_hand(connection, ids, tests_only=disabled):
            lane = lanes.get(one.owed.lane_id)
            if lane is not None and one.owed.id not in lane.held:
                lanes.add(lane, [one.owed], now=clock.monotonic())
    attempts.begin()


def _by_lane(
    wants: Sequence[Want], found: Iterable[Found]
) -> Iterable[tuple[Want, Sequence[Found]]]:
    rows = {lane_id: list(group) for lane_id, group in groupby(found, lambda f: f.owed.lane_id)}
    return [(want, rows.get(want.lane_id, [])) for want in wants]


def _add(
    lane: HeldLane,
    want: Want,
    rows: Sequence[Found],
    lanes: Lanes,
    attempts: Attempts,
    *,
    now: float,
) -> list[Found]:
    """Take what one lane can send, and return what must come after something later."""
    ready = [one.owed for one in rows if one.waits_until is None and not one.superseded]
    live = [one for one in ready if not one.rank][: want.live]
    past = [one for one in ready if one.rank][: want.past]
    # What waits for an earlier event of its job, which may be in flight, is due as well.
    waiting = {bool(one.owed.rank) for one in rows if one.waits_until is not None}
    lane.has_waiting = bool(waiting)
    if want.live:
        lane.more_live = len(live) >= want.live or False in waiting
    if want.past:
        lane.more_past = len(past) >= want.past or True in waiting
    lane.idle_since = None if rows or lane.held else (lane.idle_since or now)
    lanes.add(lane, live + past, now=now)
    for one in rows:
        if one.superseded:
            attempts.drop(lane, one.owed, now=now)
    return [one for one in rows if one.pushed and not one.superseded]
