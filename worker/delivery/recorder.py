"""Writes down what came of attempts, in groups: records, lanes that changed, notices."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.group_commit import GroupCommit
from infra.notices import LaneNews, write_lane_news
from infra.postgres.delivery_lanes import LaneSaving, save_lanes
from infra.postgres.delivery_records import AttemptRecord, Unrecorded, record_attempts
from infra.postgres.engine import single_statements, transaction, whole_transactions
from worker.delivery.held_lane import HeldLane
from worker.delivery.lane_state import LaneState, must_save
from worker.delivery.leases import count_saved, saving_of
from worker.delivery.server_time import ServerTime

# Nobody waits for a record: its room in the lane is free already.
_PACE: Final = timedelta(milliseconds=20)
_LARGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Ending:
    """An attempt that ended, in its lane, and what it brought about beside its record."""

    lane: HeldLane
    record: AttemptRecord
    news: LaneNews | None = None


class Recorder:
    """Records attempts; what they change of their lanes commits with them.

    Args:
        engine: Where the deliveries are.
        server_time: What notices say.
        me: The number of this process.
        patience: How long records are kept while PostgreSQL cannot be reached.
        on_news: Called when notices made further deliveries.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        server_time: ServerTime,
        *,
        me: int,
        patience: timedelta,
        on_news: Callable[[], None],
    ) -> None:
        # Records alone are one statement: no BEGIN and COMMIT around it.
        self._single = single_statements(engine)
        self._whole = whole_transactions(engine)
        self._server_time = server_time
        self._me = me
        self._on_news = on_news
        self._group: GroupCommit[Ending, Unrecorded | None] = GroupCommit(
            self._write, name="delivery", patience=patience, pace=_PACE, largest=_LARGEST
        )

    def put(self, ending: Ending) -> "asyncio.Future[Unrecorded | None]":
        """Record with the next group; ``None``: it is written.

        The future holds ``DatabaseUnavailableError`` if it was not written within the patience,
        or if nobody knows.
        """
        return self._group.put(ending)

    async def _write(self, endings: Sequence[Ending]) -> Sequence[Unrecorded | None]:
        lanes = {id(one.lane): one.lane for one in endings}.values()
        changed = [lane for lane in lanes if must_save(lane.saved, lane.state)]
        told = any(one.news is not None for one in endings)
        records = [one.record for one in endings]
        if not changed and not told:
            async with transaction(self._single) as connection:
                missing = await record_attempts(connection, records, me=self._me)
        else:
            states = [(lane, lane.state, saving_of(lane)) for lane in changed]
            async with transaction(self._whole) as connection:
                missing = await record_attempts(connection, records, me=self._me)
                made = await self._write_rest(connection, endings, missing, states)
            for lane, state, saving in states:
                lane.saved = state
                count_saved(lane, saving)
            if made:
                self._on_news()
        unrecorded = {one.place: one for one in missing}
        return [unrecorded.get(place) for place in range(len(endings))]

    async def _write_rest(
        self,
        connection: AsyncConnection,
        endings: Sequence[Ending],
        missing: Sequence[Unrecorded],
        states: Sequence[tuple[HeldLane, LaneState, LaneSaving]],
    ) -> int:
        await save_lanes(connection, [saving for _, _, saving in states], me=self._me)
        left_out = {one.place for one in missing}
        news = [
            one.news
            for place, one in enumerate(endings)
            if one.news is not None and place not in left_out
        ]
        if not news:
            return 0
        return await write_lane_news(connection, news, at=self._server_time.now())
