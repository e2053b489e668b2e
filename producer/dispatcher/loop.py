"""The dispatcher's life: wake, take turns while there is work, look again in any case."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.doorbells import DELIVER, DONE, ROOM, WAKE, Bell, Doorbells
from infra.postgres.flows import FlowKey
from infra.route_book import RouteBook
from infra.settings import Settings
from infra.telemetry.metrics import DISPATCH_TICK_SECONDS
from producer.batches.keeper import BatchKeeper
from producer.dispatcher.cache_house import (
    CACHE_EVERY,
    WAITS_EVERY,
    end_waits,
    keep_cache,
)
from producer.dispatcher.held_calls import forget_held_calls
from producer.dispatcher.rates import RATES_EVERY, RateMeter
from producer.dispatcher.reaper import (
    OldestWaiting,
    Reaped,
    audit_flows,
    keep_house,
    reap,
    reap_hung,
)
from producer.dispatcher.schedules import ScheduleServer
from producer.dispatcher.throughput import Throughput
from producer.dispatcher.turn import Publish, Turn, put_to_sleep, take_turn
from producer.dispatcher.unique_keys import forget_unique_keys
from producer.dispatcher.usage import add_up_usage, forget_usage
from producer.moderation import SubmitChecks
from producer.submit import Submitter
from schemas.errors import BrokerUnavailableError, DatabaseUnavailableError
from schemas.ids import format_id

# Two turns begin at least this far apart; a single job on an idle system waits for nothing.
_PACE: Final = 0.01
# A turn that takes long says that the machine is busy; fewer, fuller ones cost everybody less.
_SLOWEST_PACE: Final = 0.03
_PACE_PER_TURN: Final = 3
# With a live doorbell the own look is a safety net, without one it is the bell.
_NET: Final = 1.0
_REAP_EVERY: Final = timedelta(milliseconds=500)
# Sooner when something is known to fall due, but not more often than this.
_REAP_PAUSE: Final = timedelta(milliseconds=50)
_HUNG_EVERY: Final = timedelta(seconds=5)
_SCHEDULES_EVERY: Final = timedelta(seconds=1)
_ROUTES_EVERY: Final = timedelta(seconds=1)
_BATCHES_EVERY: Final = timedelta(milliseconds=500)
_USAGE_EVERY: Final = timedelta(seconds=5)
_AUDIT_EVERY: Final = timedelta(seconds=30)
_HOUSE_EVERY: Final = timedelta(minutes=10)
_AFTER_FAILURE: Final = 0.5
_EMPTY_FOR: Final = 0.2
_MANY: Final = 256

_log: Final = structlog.get_logger()


class _EmptyFlows:
    """Flows that looked empty. Each is put to sleep a moment later, if it still is.

    At once would cost two statements a job while a lone tenant submits steadily; much later
    would let an idle flow keep a low virtual time and spend it as credit.
    """

    def __init__(self) -> None:
        self._flows: set[FlowKey] = set()
        self._since = 0.0

    def __bool__(self) -> bool:
        return bool(self._flows)

    def add(self, flows: frozenset[FlowKey], now: float) -> None:
        if not self._flows:
            self._since = now
        self._flows |= flows

    def due(self, now: float) -> bool:
        old = bool(self._flows) and now - self._since > _EMPTY_FOR
        return old or len(self._flows) > _MANY

    def take(self) -> set[FlowKey]:
        flows, self._flows = self._flows, set()
        return flows


class Dispatcher:
    """One dispatcher; any number may run, and none is the leader."""

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        doorbells: Doorbells,
        clock: Clock,
        *,
        publish: Publish,
        oldest_waiting: OldestWaiting,
        checks: SubmitChecks | None = None,
        batches: BatchKeeper | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._doorbells = doorbells
        self._clock = clock
        self._rates = RateMeter(engine)
        self._publish = self._rates.metered(publish)
        self._oldest_waiting = oldest_waiting
        self._empty = _EmptyFlows()
        submitter = Submitter(engine, settings, doorbells, clock, checks)
        self._schedules = ScheduleServer(engine, settings, doorbells, submitter)
        self._batches = batches
        self._speed = Throughput()
        self._routes = RouteBook(engine, settings, clock)

    async def run(self, stop: asyncio.Event) -> None:
        """Dispatch until ``stop`` is set."""
        async with self._doorbells.listen(WAKE) as bell:
            tasks = [
                asyncio.create_task(self._dispatch(bell)),
                asyncio.create_task(self._every(_REAP_EVERY, self._reap)),
                asyncio.create_task(self._every(_HUNG_EVERY, self._reap_hung)),
                asyncio.create_task(self._every(_SCHEDULES_EVERY, self._schedules.serve)),
                asyncio.create_task(self._every(RATES_EVERY, self._rates.measure)),
                asyncio.create_task(self._every(_ROUTES_EVERY, self._routes.look)),
                asyncio.create_task(self._every(_USAGE_EVERY, self._add_up_usage)),
                asyncio.create_task(self._every(_AUDIT_EVERY, self._audit)),
                asyncio.create_task(self._every(_HOUSE_EVERY, self._keep_house)),
                asyncio.create_task(self._every(CACHE_EVERY, self._keep_cache)),
                asyncio.create_task(self._every(WAITS_EVERY, self._end_waits)),
            ]
            if self._batches is not None:
                keeping = self._every(_BATCHES_EVERY, self._batches.keep)
                tasks.append(asyncio.create_task(keeping))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in [stopped, *tasks]:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            if self._batches is not None:
                await self._batches.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _dispatch(self, bell: Bell) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            try:
                turn = await take_turn(
                    self._engine,
                    self._settings,
                    self._publish,
                    ahead=self._speed.ahead(),
                    routes=self._routes.now,
                )
                self._speed.add(turn.released, loop.time())
                took = loop.time() - begun
                DISPATCH_TICK_SECONDS.observe(took)
                self._empty.add(turn.drained, loop.time())
                if self._empty.due(loop.time()):
                    await put_to_sleep(self._engine, self._empty.take())
                if not turn.more:
                    await self._wait(bell, turn)
            except (DatabaseUnavailableError, BrokerUnavailableError) as error:
                _log.warning("turn_failed", code=error.code, reason=error.message)
                await asyncio.sleep(_AFTER_FAILURE)
                continue
            pace = max(_PACE, min(_SLOWEST_PACE, _PACE_PER_TURN * took))
            pause = begun + pace - loop.time()
            if pause > 0:
                await asyncio.sleep(pause)
            bell.drain()

    async def _wait(self, bell: Bell, turn: Turn) -> None:
        """Wait for a reason to take another turn, or for the time of the own look."""
        loop = asyncio.get_running_loop()
        interval = self._settings.poll_interval.total_seconds()
        look = max(_NET, interval) if bell.connected else interval
        if turn.look_again is not None:
            look = min(look, turn.look_again)
        until = loop.time() + look
        while (left := until - loop.time()) > 0:
            ring = await bell.wait(min(left, _EMPTY_FOR) if self._empty else left)
            if ring is None and self._empty:
                await put_to_sleep(self._engine, self._empty.take())
            elif ring is None or ring.message != ROOM or turn.starved:
                return

    async def _reap(self) -> timedelta | None:
        reaped = await reap(self._engine, self._settings, self._oldest_waiting)
        await self._tell(reaped)
        if reaped.next_in is None or reaped.next_in < 0:
            # What is due already is locked by somebody, who will see to it.
            return None
        return max(timedelta(seconds=reaped.next_in), _REAP_PAUSE)

    async def _reap_hung(self) -> None:
        await self._tell(await reap_hung(self._engine, self._settings))

    async def _tell(self, reaped: Reaped) -> None:
        if reaped.woken:
            await self._doorbells.ring(WAKE)
        if reaped.ended:
            await self._doorbells.ring(DELIVER)
            await self._doorbells.ring(
                DONE, " ".join(format_id("job", job_id) for job_id in reaped.ended)
            )

    async def _audit(self) -> None:
        await audit_flows(self._engine)

    async def _add_up_usage(self) -> None:
        await add_up_usage(self._engine)

    async def _keep_house(self) -> None:
        await keep_house(self._engine, self._settings, self._clock)
        await forget_unique_keys(self._engine)
        await forget_held_calls(self._engine)
        oldest = self._clock.now() - self._settings.usage_retention
        await forget_usage(self._engine, before=oldest)

    async def _keep_cache(self) -> None:
        await keep_cache(self._engine, self._settings)

    async def _end_waits(self) -> None:
        await end_waits(self._engine)

    async def _every(
        self, interval: timedelta, duty: Callable[[], Awaitable[timedelta | None]]
    ) -> None:
        """Do a duty again and again; it may say that it has something to do sooner."""
        while True:
            pause = interval
            try:
                pause = min(await duty() or interval, interval)
            except (DatabaseUnavailableError, BrokerUnavailableError) as error:
                _log.warning("duty_failed", code=error.code, reason=error.message)
            except Exception:  # noqa: BLE001 - one row that no duty can read must not stop releases
                _log.exception("duty_failed")
            await asyncio.sleep(pause.total_seconds())
