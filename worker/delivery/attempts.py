"""The attempts under way: begun when it is their turn, judged, recorded."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.new_ids import new_key
from infra.postgres.delivery import Owed
from infra.postgres.delivery_records import Unrecorded
from infra.telemetry.tracing import TRACING
from schemas.errors import DatabaseUnavailableError
from schemas.receiver import Receiver
from schemas.webhooks import Ordering
from worker.delivery.held_lane import HeldLane
from worker.delivery.lane_state import Tried, began, trigger_of
from worker.delivery.lane_step import after
from worker.delivery.lanes import BRIEF, Lanes
from worker.delivery.news import news_of, tell_of_lane
from worker.delivery.recorder import Ending, Recorder
from worker.delivery.records import record_of, record_of_superseded, tell
from worker.delivery.schedule import Outcome, Result
from worker.delivery.sender import Sender
from worker.delivery.server_time import ServerTime
from worker.delivery.spans import in_span
from worker.delivery.turns import Kind

# A receiver that answers faster than this can be fetched for ahead.
_QUICK: Final = timedelta(milliseconds=250)
_AFTER_DEFECT_SECONDS: Final = 30.0

_log: Final = structlog.get_logger()


class Attempts:
    """Begins deliveries that wait in lanes, and sees each to its record.

    Args:
        engine: For traces.
        sender: Sends one.
        lanes: Where they wait.
        recorder: Writes down what came of them.
        server_time: PostgreSQL's time.
        clock: Measures.
        chance: Returns a random number from 0 to 1 at each call.
        on_room: Called when a lane has room for more that is due.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sender: Sender,
        lanes: Lanes,
        recorder: Recorder,
        server_time: ServerTime,
        *,
        clock: Clock,
        chance: Callable[[], float],
        on_room: Callable[[], None],
    ) -> None:
        self.server_time = server_time
        self._engine = engine
        self._sender = sender
        self._lanes = lanes
        self._recorder = recorder
        self._clock = clock
        self._chance = chance
        self._on_room = on_room
        self._sending: set[asyncio.Task[None]] = set()
        # What came of attempts that are over, until it is written.
        self._unrecorded: set[asyncio.Future[Unrecorded | None]] = set()
        # Lanes that a throttle holds for a moment.
        self._timers: dict[HeldLane, asyncio.TimerHandle] = {}
        self._stopping = False

    def begin(self) -> None:
        """Begin everything whose turn it is."""
        if self._stopping:
            return
        now, at = self._clock.monotonic(), self.server_time.now()
        while (turn := self._lanes.next_turn(now=now, at=at)) is not None:
            lane, owed = turn
            lane.state = began(lane.state, lane.receiver, at=at)
            self._begin(lane, owed)
            self._lanes.turns.offer(lane)
        for lane, wait in self._lanes.take_timed():
            if lane not in self._timers:
                loop = asyncio.get_running_loop()
                self._timers[lane] = loop.call_later(wait.total_seconds(), self._free, lane)

    def drop(self, lane: HeldLane, owed: Owed, *, now: float) -> None:
        """End a delivery of progress that is no news any more, unsent."""
        lane.held[owed.id] = now
        record = record_of_superseded(owed, lease=lane.lease, at=self.server_time.now())
        self._record(lane, owed, Ending(lane, record))

    async def settle(self) -> None:
        """Wait until everything that was begun has ended and is recorded."""
        while self._sending or self._unrecorded:
            await asyncio.wait(self._sending | self._unrecorded)

    async def stop(self, grace: timedelta, *, last_word: float) -> None:
        """Begin nothing more, wait ``grace`` for what is in flight, and cut off the rest.

        Args:
            grace: For receivers to answer.
            last_word: Seconds for what came of it to be recorded.
        """
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        if self._sending:
            await asyncio.wait(self._sending, timeout=grace.total_seconds())
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._unrecorded:
            await asyncio.wait(self._unrecorded, timeout=last_word)
        for written in self._unrecorded:
            written.cancel()

    def _begin(self, lane: HeldLane, owed: Owed) -> None:
        trigger = trigger_of(lane.state, owed.trigger)
        if trigger is not owed.trigger:
            owed = replace(owed, trigger=trigger)
        place = self._lanes.turns.begin(lane)
        attempt = partial(self._attempt, lane, owed, place)
        traced = TRACING.tracer is not None
        work = in_span(self._engine, owed, attempt) if traced else attempt()
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._ended)

    async def _attempt(self, lane: HeldLane, owed: Owed, place: Kind) -> None:
        receiver, attempt_id = lane.receiver, new_key()
        started_at = self.server_time.now()
        try:
            result = await self._send(lane, owed, receiver)
        finally:
            self._lanes.turns.end(lane, place)
        at, before = self.server_time.now(), lane.state
        waited = timedelta(seconds=self._clock.monotonic() - lane.held[owed.id])
        tried = Tried(owed.failures, owed.age + waited, owed.trigger, owed.kind)
        # A random number is a call of the system.
        chance = 0.0 if result.outcome is Outcome.SUCCESS else self._chance()
        step = after(before, receiver, result, tried, at=at, chance=chance)
        lane.state = step.state
        tell_of_lane(receiver, before=before, state=step.state)
        self._note(lane, result)
        tell(owed, result, step.decision, waited=waited)
        record = record_of(
            owed,
            receiver,
            result,
            step.decision,
            attempt_id=attempt_id,
            lease=lane.lease,
            started_at=started_at,
        )
        news = news_of(owed, receiver, result, step, before=before)
        if receiver.ordering is Ordering.FIFO and step.decision.ended is None:
            lane.returning.add(owed.id)
        self._make_room(lane, at)
        self._record(lane, owed, Ending(lane, record, news))

    async def _send(self, lane: HeldLane, owed: Owed, receiver: Receiver) -> Result:
        if not lane.destination.exists:
            return Result(Outcome.DISCARDED, timedelta(), detail="the receiver was deleted")
        if (owed.tenant_id, owed.endpoint_id) != (receiver.tenant_id, receiver.endpoint_id):
            # Numbers of lanes are digests: should two be the same, nobody gets another's news.
            _log.error("delivery_in_foreign_lane", delivery_id=str(owed.id), lane=owed.lane_id)
            return Result(Outcome.DISCARDED, timedelta(), detail="its lane is another's")
        if lane.destination.fault is not None:
            return Result(Outcome.INTERNAL, timedelta(), detail=lane.destination.fault)
        try:
            return await self._sender.send(owed, receiver)
        except Exception:  # noqa: BLE001 - unrecorded, it would come back with every look
            _log.exception("delivery_defect", delivery_id=str(owed.id))
            return Result(Outcome.INTERNAL, timedelta(), detail="a defect of genq: see the log")

    def _note(self, lane: HeldLane, result: Result) -> None:
        taken = result.outcome is Outcome.SUCCESS
        lane.quick = taken and result.duration < _QUICK
        lane.delivered += taken
        lane.failed += not taken

    def _make_room(self, lane: HeldLane, at: datetime) -> None:
        if lane.is_held_back(at + BRIEF):
            self._lanes.forget_waiting(lane)
        else:
            self._lanes.turns.offer(lane)
        self.begin()
        self._ask_for_more(lane)

    def _record(self, lane: HeldLane, owed: Owed, ending: Ending) -> None:
        written = self._recorder.put(ending)
        self._unrecorded.add(written)
        written.add_done_callback(partial(self._recorded, lane, owed))

    def _recorded(
        self, lane: HeldLane, owed: Owed, written: "asyncio.Future[Unrecorded | None]"
    ) -> None:
        self._unrecorded.discard(written)
        if written.cancelled():
            return
        try:
            missing = written.result()
        except DatabaseUnavailableError as error:
            _log.warning("delivery_not_recorded", delivery_id=str(owed.id), error=error.message)
        except Exception:  # noqa: BLE001 - the others go on; this one is sent again, not at once
            _log.exception("delivery_not_recorded", delivery_id=str(owed.id))
            loop = asyncio.get_running_loop()
            loop.call_later(_AFTER_DEFECT_SECONDS, self._put_down, lane, owed)
            return
        else:
            if missing is not None:
                _log.info("delivery_superseded", delivery_id=str(owed.id), lost=missing.lost)
                if missing.lost:
                    self._lanes.lose(lane)
        self._put_down(lane, owed)

    def _put_down(self, lane: HeldLane, owed: Owed) -> None:
        lane.held.pop(owed.id, None)
        if owed.id in lane.returning:
            lane.returning.remove(owed.id)
            self._lanes.turns.offer(lane)
            self.begin()
        self._ask_for_more(lane)

    def _ask_for_more(self, lane: HeldLane) -> None:
        if lane.more and self._lanes.useful(lane) > 0:
            self._on_room()

    def _free(self, lane: HeldLane) -> None:
        self._timers.pop(lane, None)
        self._lanes.turns.offer(lane)
        self.begin()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("delivery_defect", exc_info=error)
