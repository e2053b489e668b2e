"""Leases what is due, has it sent, records what came of it: the delivery process's only loop.

Everything that must not be lost is a row. A process that dies, or cannot reach PostgreSQL to
record an outcome, lets its leases run out, and another sends again under the same event id.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.group_commit import GroupCommit
from infra.postgres.delivery import (
    AttemptRecord,
    Lane,
    Owed,
    hand_back,
    next_due_in,
    record_outcomes,
)
from infra.postgres.engine import transaction
from schemas.errors import DatabaseUnavailableError
from schemas.receiver import Receiver
from worker.delivery.lanes import Lanes
from worker.delivery.leases import Leases
from worker.delivery.records import record_of, tell
from worker.delivery.schedule import OVERLOADS, Outcome, Result, decide
from worker.delivery.sender import Sender
from worker.delivery.spans import in_span

# A lease outlives the attempt by this much, for its outcome to be recorded.
LEASE_MARGIN: Final = timedelta(seconds=15)

# Looks begin at least this far apart: doorbells of a busy system gather meanwhile.
_PACE: Final = 0.02
_REFILL_PACE: Final = 0.005
# Nobody waits for a record: its room in the lane is free already.
_RECORD_PACE: Final = timedelta(milliseconds=20)
_LARGEST_RECORD: Final = 200
# Without a doorbell; and after a look that found something, when the next due time is unknown.
_IDLE_POLL: Final = 1.0
_BUSY_POLL: Final = 0.25
_FIRST_BACK_OFF: Final = 0.5
_LONGEST_BACK_OFF: Final = 5.0
_LAST_WORD_SECONDS: Final = 1.0
# A receiver that answers faster than this can be leased for ahead.
_QUICK: Final = timedelta(milliseconds=250)

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is in flight at once from one process.

    Attributes:
        most: Over all lanes.
        per_lane: To one origin of one tenant.
        lease: How long a delivery is ours: longer than an attempt can last.
    """

    lease: timedelta
    most: int = 256
    per_lane: int = 8


class DeliveryLoop:
    """Delivers until it is told to stop.

    Args:
        engine: Where the deliveries are.
        sender: Sends one.
        limits: How many at once.
        clock: For dates in ``Retry-After``; never for schedules or leases.
        chance: Returns a random number from 0 to 1 at each call.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sender: Sender,
        *,
        limits: Limits,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        # Each look and each record is one statement: no BEGIN and COMMIT around it.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sender = sender
        self._clock = clock
        self._chance = chance
        self._lanes = Lanes(most=limits.most, per_lane=limits.per_lane)
        self._leases = Leases(self._lanes, lease=limits.lease)
        # From the first byte to the record of the outcome, and those of them without one yet.
        self._in_flight: set[asyncio.Task[None]] = set()
        self._sending: dict[asyncio.Task[None], Owed] = {}
        self._records = GroupCommit(
            self._write,
            name="delivery",
            patience=limits.lease,
            pace=_RECORD_PACE,
            largest=_LARGEST_RECORD,
        )
        self._chores: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._refill = False

    def wake(self) -> None:
        """Look now: something is due."""
        self._awake.set()

    async def run(self, stop: asyncio.Event, *, grace: timedelta) -> None:
        """Deliver until ``stop`` is set, then finish what is in flight within ``grace``."""
        stopping = asyncio.create_task(self._wake_when(stop))
        back_off = _FIRST_BACK_OFF
        try:
            while not stop.is_set():
                began = asyncio.get_running_loop().time()
                try:
                    wait = await self.look()
                except Exception as error:  # noqa: BLE001 - the process outlives whatever the database says
                    _tell_of_failed_look(error)
                    await _wait(stop, back_off)
                    back_off = min(2 * back_off, _LONGEST_BACK_OFF)
                else:
                    back_off = _FIRST_BACK_OFF
                    await self._sleep(began, wait)
        finally:
            stopping.cancel()
            await self.stop(grace)

    async def look(self) -> float:
        """Lease what is due and there is room for, and begin to send it.

        Returns:
            The seconds until the next look, if nothing wakes the loop before.

        Raises:
            DatabaseUnavailableError: Nothing was leased, or leases without an owner run out.
        """
        if self._lanes.free <= 0:
            return _BUSY_POLL
        async with transaction(self._engine) as connection:
            taken = await self._leases.take(connection)
            nothing = not (taken.owed or taken.unfinished)
            due_in = await next_due_in(connection) if nothing else None
        self._lanes.add(taken.owed, due=taken.due, shares=taken.shares)
        for lane in taken.shares:
            self._begin(lane)
        if taken.unfinished:
            self._refill = True
            return 0.0
        if taken.owed:
            return _BUSY_POLL
        return _IDLE_POLL if due_in is None else min(due_in.total_seconds(), _IDLE_POLL)

    async def settle(self) -> None:
        """Wait until everything leased has been sent and recorded, or handed back."""
        while self._in_flight or self._chores:
            await asyncio.wait(self._in_flight | self._chores)

    async def _deliver(self, owed: Owed) -> None:
        result = await self._send(owed)
        if (task := asyncio.current_task()) is not None:
            self._sending.pop(task, None)
        try:
            decision = decide(
                result, failures=owed.failures, at=self._clock.now(), chance=self._chance()
            )
            tell(owed, result, decision)
            known = await self._records.add(record_of(owed, result, decision))
        except DatabaseUnavailableError as error:
            _log.warning("delivery_not_recorded", delivery_id=str(owed.id), error=error.message)
        except Exception:  # noqa: BLE001 - this delivery's lease runs out; the others go on
            _log.exception("delivery_not_recorded", delivery_id=str(owed.id))
        else:
            if not known:
                _log.info("delivery_superseded", delivery_id=str(owed.id), attempt=owed.attempt)

    async def _send(self, owed: Owed) -> Result:
        result = Result(Outcome.INTERNAL, timedelta(), detail="a defect of genq: see the log")
        try:
            result = await self._sender.send(owed, _receiver_of(owed))
        except Exception:  # noqa: BLE001 - unrecorded, it would come back with every expired lease
            _log.exception("delivery_defect", delivery_id=str(owed.id))
        finally:
            self._end(owed.lane, result)
        return result

    def _begin(self, lane: Lane) -> None:
        while (owed := self._lanes.next_of(lane)) is not None:
            task = asyncio.create_task(in_span(self._engine, owed, self._deliver))
            self._in_flight.add(task)
            self._sending[task] = owed
            task.add_done_callback(self._ended)

    def _end(self, lane: Lane, result: Result) -> None:
        late = result.outcome in OVERLOADS
        in_time = False if late else (True if result.outcome is Outcome.SUCCESS else None)
        quick = not late and result.duration < _QUICK
        if self._lanes.end(lane, in_time=in_time, quick=quick):
            self._refill = True
            self._awake.set()
        given_up = self._lanes.give_up(lane)
        if given_up:
            task = asyncio.create_task(self._hand_back(given_up))
            self._chores.add(task)
            task.add_done_callback(self._handed_back)
        self._begin(lane)

    async def _write(self, records: Sequence[AttemptRecord]) -> Sequence[bool]:
        async with transaction(self._engine) as connection:
            return await record_outcomes(connection, records)

    async def _sleep(self, began: float, wait: float) -> None:
        """Sleep until the loop is woken or ``wait`` has passed, but keep the pace."""
        loop = asyncio.get_running_loop()
        await _wait(self._awake, wait)
        pace = _REFILL_PACE if self._refill else _PACE
        await asyncio.sleep(max(0.0, began + pace - loop.time()))
        self._awake.clear()
        self._refill = False

    async def _wake_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._awake.set()

    async def stop(self, grace: timedelta) -> None:
        """Begin nothing more, wait ``grace`` for what is in flight, hand back the rest."""
        await self._hand_back(self._lanes.give_up_all())
        await self._wait_for_all(grace.total_seconds())
        cut_off = dict(self._sending)
        for task in cut_off:
            task.cancel()
        await self._wait_for_all(_LAST_WORD_SECONDS)
        for task in self._in_flight | self._chores:
            task.cancel()
        await asyncio.gather(*self._in_flight, *self._chores, return_exceptions=True)
        await self._hand_back(list(cut_off.values()))

    async def _wait_for_all(self, seconds: float) -> None:
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=seconds)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._sending.pop(task, None)

    def _handed_back(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        self._awake.set()

    async def _hand_back(self, owed: Sequence[Owed]) -> None:
        if not owed:
            return
        leases = [(one.id, one.attempt) for one in owed]
        try:
            async with asyncio.timeout(_LAST_WORD_SECONDS), transaction(self._engine) as c:
                await hand_back(c, leases)
        except (DatabaseUnavailableError, TimeoutError):
            _log.warning("leases_left_to_run_out", deliveries=len(leases))
        else:
            _log.info("leases_handed_back", deliveries=len(leases))


def _receiver_of(owed: Owed) -> Receiver:
    return Receiver(
        lane_id=owed.lane_id,
        tenant_id=owed.tenant_id,
        endpoint_id=None,
        origin=owed.origin,
        secrets=() if owed.secret is None else (owed.secret,),
    )


def _tell_of_failed_look(error: Exception) -> None:
    if isinstance(error, DatabaseUnavailableError):
        _log.warning("delivery_waits_for_database", error=error.message)
    else:
        _log.error("delivery_look_failed", exc_info=error)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
