"""Closed model servers: tells all processes, and hears it from the others.

Rows in PostgreSQL are what dispatchers and later workers read; a doorbell tells the workers of
now. A row is written once per change, not once per job: a closing is announced a little longer
than asked for, and those that fall within are not announced again.
"""

import asyncio
import contextlib
import math
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.doorbells import CLOSED, ROUTES, Doorbells, Ring
from infra.postgres.engine import transaction
from infra.postgres.server_limits import close_servers, closed_servers
from infra.route_book import RouteBook
from schemas.errors import DatabaseUnavailableError
from worker.pipeline.server_doors import ServerDoors

# Without the doorbell, rows are looked at this often.
_LOOK_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0
_LONGEST: Final = timedelta(days=1)
_SLACK_SHARE: Final = 0.05
_LEAST_SLACK: Final = 0.05
_MOST_SLACK: Final = 0.25

_log: Final = structlog.get_logger()


class ServerNews:
    """One process's part in what all know of closed servers.

    Args:
        engine: The way to PostgreSQL.
        doorbells: The way to the other workers.
        doors: Where what is heard is kept.
        clock: The one of ``doors``.
        routes: Looks when somebody rings that routes changed.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        doorbells: Doorbells,
        doors: ServerDoors,
        clock: Clock,
        routes: RouteBook | None = None,
    ) -> None:
        self._engine = engine
        self._doorbells = doorbells
        self._doors = doors
        self._clock = clock
        self._routes = routes
        # When servers open again: as announced, and what is still to be written.
        self._told: dict[tuple[str, bool], float] = {}
        self._due: dict[tuple[str, bool], float] = {}
        self._writer: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """Look at the rows once, and listen from then on."""
        await self._look()
        self._listener = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Write what is to be written, once, and stop listening."""
        self._closing.set()
        if self._writer is not None:
            await asyncio.wait([self._writer])
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener

    def tell(self, name: str, pause: timedelta, *, aloud: bool = True) -> None:
        """Announce that a server is closed for so long.

        Args:
            name: The server's configured name.
            pause: From now on.
            aloud: Whether other workers shall hear it, or only dispatchers.
        """
        seconds = pause.total_seconds()
        until = self._clock.monotonic() + seconds
        if until <= self._told.get((name, aloud), 0.0):
            return
        until += min(max(seconds * _SLACK_SHARE, _LEAST_SLACK), _MOST_SLACK)
        self._told[name, aloud] = self._due[name, aloud] = until
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._due:
            due, self._due = self._due, {}
            # Side by side: neither waits for the other's server.
            _, written = await asyncio.gather(
                self._ring(self._left(due, aloud=True)), self._write(due)
            )
            if written:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._closing.wait()
            if self._closing.is_set():
                return
            # What opens before PostgreSQL is back need not be known any more.
            now = self._clock.monotonic()
            self._due = {key: at for key, at in due.items() if at > now} | self._due

    async def _write(self, due: dict[tuple[str, bool], float]) -> bool:
        try:
            async with transaction(self._engine) as connection:
                await close_servers(connection, self._left(due))
        except DatabaseUnavailableError:
            _log.warning("closed_servers_not_written", servers=sorted(name for name, _ in due))
            return False
        except Exception:  # noqa: BLE001 - the next try may do better, a dead writer never
            _log.exception("closed_servers_not_written")
            return False
        return True

    async def _ring(self, pauses: dict[str, timedelta]) -> None:
        if pauses:
            await self._doorbells.ring_all(
                [
                    Ring(CLOSED, f"{name} {math.ceil(pause.total_seconds() * 1000)}")
                    for name, pause in pauses.items()
                ]
            )

    def _left(
        self, due: dict[tuple[str, bool], float], *, aloud: bool = False
    ) -> dict[str, timedelta]:
        """Return by name how long servers are still closed, the longer of two announcements."""
        now = self._clock.monotonic()
        pauses: dict[str, timedelta] = {}
        for (name, loud), until in due.items():
            if until > now and (loud or not aloud):
                pause = timedelta(seconds=until - now)
                pauses[name] = max(pauses.get(name, pause), pause)
        return pauses

    async def _listen(self) -> None:
        async with self._doorbells.listen(CLOSED, ROUTES) as bell:
            while True:
                ring = await bell.wait(_LOOK_SECONDS)
                if ring is not None and ring.channel == ROUTES:
                    await self._look_at_routes()
                elif ring is not None and ring.message:
                    self._hear(ring.message)
                elif ring is not None or not bell.connected:
                    await self._look()
                    await self._look_at_routes()

    async def _look_at_routes(self) -> None:
        if self._routes is not None:
            await self._routes.look()

    def _hear(self, message: str) -> None:
        name, _, milliseconds = message.partition(" ")
        if name not in self._doors.names:
            # Another worker may be configured with more servers than this one.
            return
        if not milliseconds.isdecimal():
            _log.warning("doorbell_not_understood", channel=CLOSED)
            return
        pause = min(float(milliseconds), _LONGEST / timedelta(milliseconds=1))
        self._doors.close(name, timedelta(milliseconds=pause))

    async def _look(self) -> None:
        try:
            async with transaction(self._engine) as connection:
                closed = await closed_servers(connection, self._doors.names)
        except DatabaseUnavailableError:
            _log.warning("closed_servers_not_read")
            return
        except Exception:  # noqa: BLE001 - a worker that hears nothing more would never tell
            _log.exception("closed_servers_not_read")
            return
        for name, pause in closed.items():
            self._doors.close(name, pause)
