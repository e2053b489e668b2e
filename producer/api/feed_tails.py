"""Who waits for a tenant's events in this process: one look for all of them.

The bell of ended jobs does not say whose they are, and an event can be read only once every
older transaction has ended. So after a ring one statement asks for all tenants that somebody
follows here whether there is something new, a few times in growing distance.
"""

import asyncio
import contextlib
from collections.abc import Generator
from typing import Final, Self

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.doorbells import Bell, Ring
from infra.postgres.engine import transaction
from infra.postgres.feed import Cursor, newest_events
from schemas.errors import DatabaseUnavailableError

_LOOK_SECONDS: Final = 1.0
_SAFETY_SECONDS: Final = 5.0
_FIRST_PAUSE: Final = 0.05

_log: Final = structlog.get_logger()


class FeedTails:
    """Wakes those who follow a tenant's feed; an async context manager."""

    channels: tuple[str, ...] = ()

    def __init__(self, engine: AsyncEngine) -> None:
        self.bell: Bell | None = None
        self.closing = False
        self._engine = engine
        self._followers: dict[int, set[asyncio.Event]] = {}
        self._newest: dict[int, Cursor] = {}
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to look."""
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send everybody home and stop looking."""
        self.release()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def release(self) -> None:
        """Let everybody answer with what is known: the process is about to stop."""
        self.closing = True
        for followers in self._followers.values():
            for rung in followers:
                rung.set()

    @property
    def followers(self) -> int:
        """How many clients follow a feed."""
        return sum(map(len, self._followers.values()))

    def heard(self, ring: Ring) -> None:
        """Take the ring of an ended job, or that the line was down."""
        del ring
        if self._followers:
            self._rung.set()

    @contextlib.contextmanager
    def following(self, tenant_id: int) -> Generator[asyncio.Event]:
        """Give an event that is set when the tenant may have new events, or all must leave.

        Whoever reads after this began misses nothing.
        """
        rung = asyncio.Event()
        self._followers.setdefault(tenant_id, set()).add(rung)
        self._rung.set()
        try:
            yield rung
        finally:
            left = self._followers[tenant_id]
            left.discard(rung)
            if not left:
                del self._followers[tenant_id]
                self._newest.pop(tenant_id, None)

    async def _look(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            if await self._rings(pause):
                pause = _FIRST_PAUSE
            else:
                pause = min(2 * pause, self._longest())
            try:
                await self._ask()
            except DatabaseUnavailableError:
                pause = _LOOK_SECONDS
            except Exception:  # noqa: BLE001 - followers would hear nothing for ever
                _log.exception("feed_look_failed")
                pause = _LOOK_SECONDS
            # However often it rings.
            await asyncio.sleep(_FIRST_PAUSE)

    async def _rings(self, pause: float) -> bool:
        try:
            async with asyncio.timeout(pause if self._followers else None):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    def _longest(self) -> float:
        listening = self.bell is not None and self.bell.connected
        return _SAFETY_SECONDS if listening else _LOOK_SECONDS

    async def _ask(self) -> None:
        tenants = list(self._followers)
        if not tenants:
            return
        async with transaction(self._engine) as connection:
            newest = await newest_events(connection, tenants)
        for tenant_id, cursor in newest.items():
            if self._newest.get(tenant_id) == cursor:
                continue
            if tenant_id in self._followers:
                self._newest[tenant_id] = cursor
            for rung in self._followers.get(tenant_id, ()):
                rung.set()
