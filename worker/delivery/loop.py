"""Owns lanes, has sent what is due in them, records what came of it: the only loop.

Everything that must not be lost is a row. A process that dies, or cannot reach PostgreSQL to
record an outcome, lets the leases of its lanes run out, and another sends again under the same
event id: what was in flight, from its first byte to the record of its outcome, and no more.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import Clock
from infra.postgres.due_lanes import next_due_in
from infra.postgres.engine import single_statements, transaction
from infra.webhook_receivers import Destinations
from schemas.errors import DatabaseUnavailableError
from worker.delivery.attempts import Attempts
from worker.delivery.fetching import fetch
from worker.delivery.lanes import Lanes
from worker.delivery.leases import Leases
from worker.delivery.recorder import Recorder
from worker.delivery.recovery_pace import RecoveryPace
from worker.delivery.rounds import Rounds
from worker.delivery.sender import Sender
from worker.delivery.server_time import ServerTime
from worker.delivery.turns import Places

LANE_LEASE: Final = timedelta(seconds=15)

# Looks begin at least this far apart: doorbells of a busy system gather meanwhile. A look that
# takes long says that the machine is busy; fewer, fuller ones then cost everybody less.
_PACE: Final = 0.01
# What is known to be due is fetched while as much again waits.
_REFILL_PACE: Final = 0.02
_PACE_PER_LOOK: Final = 2
_SLOWEST_PACE: Final = 0.25
# Without a doorbell; and while lanes are owned.
_IDLE_POLL: Final = 1.0
_BUSY_POLL: Final = 0.25
_FIRST_BACK_OFF: Final = 0.5
_LONGEST_BACK_OFF: Final = 5.0
_LAST_WORD_SECONDS: Final = 1.0

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one process has at once.

    Attributes:
        places: In flight.
        lease: How long a lane is ours without renewal.
    """

    places: Places = field(default_factory=Places)
    lease: timedelta = LANE_LEASE


class DeliveryLoop:
    """Delivers until it is told to stop.

    Args:
        engine: Where the deliveries are.
        sender: Sends one.
        destinations: Reads where lanes lead.
        limits: How much at once.
        clock: Measures; its time of day is never compared with a row's.
        chance: Returns a random number from 0 to 1 at each call.

    Attributes:
        recovery_pace: Of what recoveries send again.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sender: Sender,
        destinations: Destinations,
        *,
        clock: Clock,
        chance: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        # Each statement of a look stands alone: no BEGIN and COMMIT around it.
        self._engine = single_statements(engine)
        self._clock = clock
        self._server_time = ServerTime(clock)
        self.recovery_pace = RecoveryPace(clock)
        self._lanes = Lanes(limits.places, self.recovery_pace)
        me = secrets.randbits(63)
        leases = partial(Leases, me=me, lease=limits.lease, clock=clock)
        self._leases = leases(self._lanes, destinations, self._server_time)
        self._attempts = Attempts(
            engine,
            sender,
            self._lanes,
            Recorder(
                engine, self._server_time, me=me, patience=limits.lease, on_news=self.wake
            ),
            self._server_time,
            clock=clock,
            chance=chance,
            on_room=self._refill,
        )
        self._rounds = Rounds(engine, clock)
        self._awake = asyncio.Event()
        # Whether there is more to do than to fetch what is known to be due.
        self._look_around = True
        self._around_at = 0.0

    @property
    def owned(self) -> set[int]:
        """The lanes that are ours."""
        return {lane.id for lane in self._lanes}

    def wake(self) -> None:
        """Look now: something is due, or a receiver was changed."""
        self._look_around = True
        self._awake.set()

    async def run(self, stop: asyncio.Event, *, grace: timedelta) -> None:
        """Deliver until ``stop`` is set, then finish what is in flight within ``grace``."""
        stopping = asyncio.create_task(self._wake_when(stop))
        back_off = _FIRST_BACK_OFF
        try:
            while not stop.is_set():
                began = asyncio.get_running_loop().time()
                try:
                    wait = await self.look(around=self._must_look_around())
                except Exception as error:  # noqa: BLE001 - the process outlives whatever the database says
                    _tell_of_failed_look(error)
                    self._look_around = True
                    await _wait(stop, back_off)
                    back_off = min(2 * back_off, _LONGEST_BACK_OFF)
                else:
                    back_off = _FIRST_BACK_OFF
                    await self._sleep(began, wait)
        finally:
            stopping.cancel()
            await self.stop(grace)

    async def look(self, *, around: bool = True) -> float:
        """Own what is due, fetch what there is room for, and begin to send it.

        Args:
            around: Look for more than for what is known to be due in lanes that are ours.

        Returns:
            The seconds until the next look, if nothing wakes the loop before.

        Raises:
            DatabaseUnavailableError: What was not done is done at the next look.
        """
        crowd = False
        if around:
            self._look_around = False
        async with transaction(self._engine) as connection:
            if around:
                await self._leases.keep(connection)
                await self._leases.refresh(connection)
                crowd = await self._leases.take(connection)
            await fetch(
                connection, self._lanes, self._attempts, around=around, clock=self._clock
            )
            if not around:
                return _BUSY_POLL
            await self._leases.let_go_spent(connection)
            wait = await self._next_look_in(connection)
            if (again := self._leases.look_again_in()) is not None:
                wait = min(wait, again)
        woken = await self._rounds.go_on()
        self._around_at = self._clock.monotonic()
        return 0.0 if crowd or woken else wait

    async def settle(self) -> None:
        """Wait until everything that was begun has ended and is recorded."""
        await self._attempts.settle()

    async def stop(self, grace: timedelta) -> None:
        """Begin nothing more, wait ``grace`` for what is in flight, let every lane go."""
        await self._attempts.stop(grace, last_word=_LAST_WORD_SECONDS)
        await self.let_go()

    async def let_go(self) -> None:
        """Let every lane go; others may take them at once."""
        lanes = list(self._lanes)
        if not lanes:
            return
        try:
            async with (
                asyncio.timeout(_LAST_WORD_SECONDS),
                transaction(self._engine) as connection,
            ):
                await self._leases.let_go(connection, lanes)
        except (DatabaseUnavailableError, TimeoutError):
            _log.warning("leases_left_to_run_out", lanes=len(lanes))
        else:
            _log.info("lanes_let_go", lanes=len(lanes))

    async def _next_look_in(self, connection: AsyncConnection) -> float:
        if len(self._lanes):
            return _BUSY_POLL
        due_in = await next_due_in(connection)
        return _IDLE_POLL if due_in is None else min(due_in.total_seconds(), _IDLE_POLL)

    def _must_look_around(self) -> bool:
        return self._look_around or self._clock.monotonic() - self._around_at >= _BUSY_POLL

    def _refill(self) -> None:
        self._awake.set()

    async def _sleep(self, began: float, wait: float) -> None:
        """Sleep until the loop is woken or ``wait`` has passed, but keep the pace."""
        loop = asyncio.get_running_loop()
        took = loop.time() - began
        if not await _wait(self._awake, wait):
            self._look_around = True
        while (left := began + self._pace(took) - loop.time()) > 0:
            if self._look_around:
                await asyncio.sleep(left)
            else:
                # What is new does not wait for as long as what is known to be due.
                self._awake.clear()
                await _wait(self._awake, left)
        self._awake.clear()

    def _pace(self, took: float) -> float:
        least = _PACE if self._look_around else _REFILL_PACE
        return min(max(least, _PACE_PER_LOOK * took), _SLOWEST_PACE)

    async def _wake_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._awake.set()


def _tell_of_failed_look(error: Exception) -> None:
    if isinstance(error, DatabaseUnavailableError):
        _log.warning("delivery_waits_for_database", error=error.message)
    else:
        _log.error("delivery_look_failed", exc_info=error)


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Return whether the event came within ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
