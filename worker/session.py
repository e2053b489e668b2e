"""The worker's session: renewed while the loop turns, given up before it could expire.

Renewals run on the very loop that runs the attempts, so that a blocked loop loses its session,
as it should. The worker measures with its monotonic clock and fences itself a margin before
PostgreSQL's clock would: after that it writes nothing more.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.sessions import (
    close_session,
    disown_attempts,
    drain_session,
    open_session,
    renew_session,
)
from infra.settings import Settings
from schemas.claim import Pointer
from schemas.errors import DatabaseUnavailableError
from schemas.lanes import Lane

# Renewals per time to live, and the share of it that is kept as margin for fencing.
_RENEWALS: Final = 5
_MARGIN: Final = 0.1

_log: Final = structlog.get_logger()


class SessionKeeper:
    """Keeps one session at a time. ``id`` is ``None`` while there is none."""

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        *,
        lanes: Sequence[Lane],
        on_lost: Callable[[], None],
        orphans: Callable[[Collection[Pointer]], list[Pointer]],
        on_cancelled: Callable[[Collection[UUID]], None],
        on_routes: Callable[[int], Coroutine[None, None, None]] | None = None,
    ) -> None:
        self.id: int | None = None
        self._engine = engine
        self._settings = settings
        self._lanes = lanes
        self._on_lost = on_lost
        self._orphans = orphans
        self._on_cancelled = on_cancelled
        self._on_routes = on_routes
        self._reading: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._valid_until = 0.0
        self._draining = False
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open a session and begin to renew it.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        await self._open()
        self._keeper = asyncio.create_task(self._keep())

    async def drain(self) -> None:
        """Say that nothing new is taken; if PostgreSQL is away, the expiry will say it."""
        self._draining = True
        if self.id is not None:
            with contextlib.suppress(DatabaseUnavailableError):
                async with transaction(self._engine) as connection:
                    await drain_session(connection, self.id)

    def hurry(self) -> None:
        """Renew now: what was cancelled may have been said while nobody listened."""
        self._hurry.set()

    async def close(self) -> None:
        """Stop renewing and end the session."""
        for task in (self._keeper, self._reading):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self.id is not None:
            with contextlib.suppress(DatabaseUnavailableError):
                async with transaction(self._engine) as connection:
                    await close_session(connection, self.id)

    async def _open(self) -> None:
        asked = asyncio.get_running_loop().time()
        async with transaction(self._engine) as connection:
            session = await open_session(
                connection,
                host=socket.gethostname(),
                pid=os.getpid(),
                slots=self._settings.slots,
                lanes=self._lanes,
                ttl=self._settings.session_ttl,
            )
            if self._draining:
                await drain_session(connection, session)
        self.id = session
        self._prolong(asked)
        _log.info("session_opened", session=self.id)

    def _prolong(self, asked: float) -> None:
        ttl = self._settings.session_ttl.total_seconds()
        self._valid_until = asked + ttl * (1 - _MARGIN)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        interval = self._settings.session_ttl.total_seconds() / _RENEWALS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._hurry.wait()
            self._hurry.clear()
            try:
                async with asyncio.timeout_at(max(self._valid_until, loop.time() + interval)):
                    await self._renew()
            except (DatabaseUnavailableError, TimeoutError):
                _log.warning("session_not_renewed", session=self.id)
            except Exception:  # noqa: BLE001 - without a keeper the worker would idle for ever
                _log.exception("session_not_renewed", session=self.id)
            if self.id is not None and loop.time() >= self._valid_until:
                self._lose()

    async def _renew(self) -> None:
        if self.id is None:
            await self._open()
            return
        asked = asyncio.get_running_loop().time()
        async with transaction(self._engine) as connection:
            renewal = await renew_session(connection, self.id, self._settings.session_ttl)
        if renewal.alive:
            self._prolong(asked)
            if renewal.cancelled:
                self._on_cancelled(renewal.cancelled)
            await self._disown(self.id, self._orphans(renewal.running))
            self._tell_routes(renewal.routes)
        else:
            self._lose()
            await self._open()

    def _tell_routes(self, changes: int) -> None:
        """Tell how many changes of routes there were; the next renewal does not wait for it."""
        if self._on_routes is None or (self._reading is not None and not self._reading.done()):
            # Who still reads is told by the next renewal.
            return
        self._reading = asyncio.create_task(self._on_routes(changes))

    async def _disown(self, session: int, orphans: Sequence[Pointer]) -> None:
        if orphans:
            async with transaction(self._engine) as connection:
                disowned = await disown_attempts(connection, session, orphans)
            # None, if they ended while the renewal was under way.
            if disowned:
                _log.warning("attempts_disowned", jobs=disowned)

    def _lose(self) -> None:
        _log.error("session_lost", session=self.id)
        self.id = None
        self._on_lost()
