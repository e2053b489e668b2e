"""The gate before every call of a model server: no call comes before its instant.

A call waits until its server is open and, where the server has a limit per second, for its turn
over all workers. What would wait longer than the gate's patience does not wait in the worker:
its job goes back to the queue, with the instant, and costs no attempt.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock, SystemClock
from infra.doorbells import Doorbells
from infra.rate_gate import LocalRates, RateGate, RateLimit, Turn
from infra.route_book import RouteBook
from infra.settings import Settings
from infra.telemetry.metrics import PROVIDER_CIRCUIT_STATE, SERVER_CLOSINGS
from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelRateLimitedError,
    ModelUnavailableError,
)
from schemas.model_catalog import OWN_SERVER, ModelServer
from schemas.queue_errors import ModelBusyError
from worker.pipeline.server_doors import ServerDoors
from worker.server_news import ServerNews

PATIENCE: Final = timedelta(seconds=5)
_MICROSECONDS: Final = 1_000_000


class Rates(Protocol):
    """Who grants turns; ``infra.rate_gate.RateGate`` over all workers."""

    async def reserve(self, limits: Sequence[RateLimit], patience: timedelta) -> Turn:
        """Reserve a turn, if there is one within ``patience``."""
        ...


class Tell(Protocol):
    """Who is told that a server closed; ``worker.server_news`` tells all processes."""

    def __call__(self, name: str, pause: timedelta, *, aloud: bool = True) -> None:
        """Take the server's name and for how long it is closed from now."""
        ...


class Gate:
    """Holds calls back, and learns from what servers answer.

    Args:
        doors: When each server takes calls.
        clock: The one of ``doors``.
        patience: The longest that one call waits here.
        rates: Who grants turns; by itself, a process paces only its own calls.
        tell: Who is told that a server closed.
    """

    def __init__(
        self,
        doors: ServerDoors,
        clock: Clock,
        *,
        patience: timedelta = PATIENCE,
        rates: Rates | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._doors = doors
        self._clock = clock
        self._patience = patience
        self._rates = rates or _OwnRates(clock)
        self._tell = tell

    async def enter(self, server: ModelServer) -> None:
        """Return when a call may be made, at once if the server is open and has no limit.

        Raises:
            ModelBusyError: Patience would not last. ``retry_after`` says until when.
        """
        give_up = self._clock.monotonic() + self._patience.total_seconds()
        while True:
            wait = self._doors.wait(server.name)
            if wait > self._left(give_up):
                raise _busy(server, wait)
            await self._sleep(wait)
            await self._sleep(await self._turn(server, self._left(give_up)))
            if not self._doors.wait(server.name):
                return

    def wait(self, server: ModelServer) -> timedelta:
        """Return how much longer the server is closed; zero if it is open."""
        return self._doors.wait(server.name)

    def shaky(self, server: ModelServer) -> bool:
        """Return whether the server failed so often in a row that others go first."""
        return self._doors.shaky(server.name)

    def left_out(self, server: ModelServer) -> timedelta:
        """Return for how long others go before the server: it is closed, or failed often."""
        return self._doors.left_out(server.name)

    def standing(self, server: ModelServer) -> dict[str, Any]:
        """Return what a report says of the server's breaker; seconds."""
        since = self._doors.since(server.name)
        return {
            "breaker": self._doors.state(server.name),
            "since": None if since is None else round(since.total_seconds(), 1),
            "cool_down": round(self._doors.left_out(server.name).total_seconds(), 1),
            "limited": bool(self._doors.wait(server.name)),
        }

    def called(self, server: ModelServer) -> None:
        """Take note that the server is about to be called."""
        self._doors.called(server.name)

    def close(self, name: str, pause: timedelta) -> None:
        """Close a server for so long from now, here at once and everywhere soon."""
        self._doors.close(name, pause)
        self._announce(name)

    def answered(self, server: ModelServer) -> None:
        """Take note that the server did its work."""
        self._doors.answered(server.name)

    def refused(self, server: ModelServer, error: GenqError) -> None:
        """Take note of a failed call: what it says of the server holds for all its jobs."""
        name = server.name
        if isinstance(error, ModelBusyError):
            return
        if isinstance(error, ModelRateLimitedError):
            self._doors.limited(name, error.retry_after)
            self._announce(name)
        elif isinstance(error, ModelUnavailableError | ModelAuthError):
            self._doors.failed(name)
            if error.retry_after:
                self.close(name, error.retry_after)
        else:
            self._doors.answered(name)

    async def _turn(self, server: ModelServer, patience: timedelta) -> timedelta:
        per_second = server.limits.requests_per_second
        if per_second is None:
            return timedelta(0)
        turn = await self._rates.reserve([RateLimit(server.name, per_second)], patience)
        if not turn.granted:
            # More jobs wait here than can be served soon: release no more until they are gone.
            if self._tell is not None:
                self._tell(server.name, turn.wait, aloud=False)
            raise _busy(server, turn.wait)
        return turn.wait

    async def _sleep(self, pause: timedelta) -> None:
        # The loop's clock is coarse: its timers may go off a little early.
        until = self._clock.monotonic() + pause.total_seconds()
        while (left := until - self._clock.monotonic()) > 0:  # noqa: ASYNC110 - it waits for time
            await asyncio.sleep(left)

    def _left(self, give_up: float) -> timedelta:
        return timedelta(seconds=max(0.0, give_up - self._clock.monotonic()))

    def _announce(self, name: str) -> None:
        pause = self._doors.wait(name)
        if pause:
            SERVER_CLOSINGS.labels(name).inc()
            if self._tell is not None:
                self._tell(name, pause)


class _OwnRates:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rates = LocalRates()

    async def reserve(self, limits: Sequence[RateLimit], patience: timedelta) -> Turn:
        now = int(self._clock.monotonic() * _MICROSECONDS)
        return self._rates.reserve(limits, patience, now)


@asynccontextmanager
async def open_gate(
    settings: Settings,
    engine: AsyncEngine,
    doorbells: Doorbells,
    routes: RouteBook | None = None,
) -> AsyncGenerator[Gate]:
    """Yield the gate of a worker, which knows what other processes know of servers.

    Args:
        settings: The servers, and how long a call waits.
        engine: The way to PostgreSQL.
        doorbells: The way to other workers.
        routes: Looks when somebody rings that routes changed.
    """
    clock = SystemClock()
    doors = ServerDoors((one.name for one in (*settings.model_servers, OWN_SERVER)), clock)
    for name in doors.names:
        PROVIDER_CIRCUIT_STATE.labels(name).set_function(partial(_circuit_state, doors, name))
    news = ServerNews(engine, doorbells, doors, clock, routes)
    rates = RateGate(settings.doorbell_url())
    try:
        await news.start()
        yield Gate(doors, clock, patience=settings.gate_patience, rates=rates, tell=news.tell)
    finally:
        await news.close()
        await rates.close()


def _circuit_state(doors: ServerDoors, name: str) -> int:
    if doors.wait(name):
        return 2
    return int(doors.shaky(name))


def _busy(server: ModelServer, wait: timedelta) -> ModelBusyError:
    return ModelBusyError(
        f"model server {server.name} takes no call within {wait.total_seconds():.1f} s: the "
        "job waits in the queue until then",
        retry_after=wait,
    )
