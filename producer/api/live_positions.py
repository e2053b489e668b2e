"""Places in the queue of watched jobs: read one by one, gently, told when they change."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job
from infra.settings import Settings
from producer.api.live_job import LiveJob, stands_elsewhere
from producer.position import placed
from schemas.errors import DatabaseUnavailableError
from schemas.job import JobRecord, job_view
from schemas.progress import position_of

_EVERY_SECONDS: Final = 2.0
# A place costs several statements. With many jobs to place, each waits longer for its turn,
# so that placing takes a fifth of one connection and of this process at the most.
_REST: Final = 4

_log: Final = structlog.get_logger()


class Positions:
    """Places the waiting jobs among those that are watched.

    Args:
        engine: Where places are read.
        settings: The shares of the lanes, and who serves which model.
        clock: For the time of a place.
        jobs: Gives the watched jobs.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        clock: Clock,
        jobs: Callable[[], Iterable[LiveJob]],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._jobs = jobs
        self._now = asyncio.Event()

    def hurry(self) -> None:
        """A job has begun to wait: look now."""
        self._now.set()

    async def run(self) -> None:
        """Place what is due, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            waiting = [live for live in self._jobs() if live.waits]
            due = [live for live in waiting if live.position_due <= loop.time()]
            if not due:
                await self._pause(_EVERY_SECONDS / 4 if waiting else None)
                continue
            for live in due:
                began = loop.time()
                live.position_due = began + _EVERY_SECONDS
                await self._place(live)
                await asyncio.sleep(_REST * (loop.time() - began))

    async def _pause(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._now.wait()
        except TimeoutError:
            return
        self._now.clear()

    async def _place(self, live: LiveJob) -> None:
        try:
            async with transaction(self._engine) as connection:
                job = await get_job(connection, live.tenant_id, live.id)
                if job is not None:
                    job = await placed(connection, job, self._settings)
        except DatabaseUnavailableError:
            return
        except Exception:  # noqa: BLE001 - one job's fault must not end the others' news
            _log.exception("position_failed", job_id=live.name)
            return
        if job is not None and live.moves is not None and live.waits:
            self._tell(live, job)

    def _tell(self, live: LiveJob, job: JobRecord) -> None:
        view = job_view(job, "")
        if view["queue"] is None or live.moves is None:
            return
        now = asyncio.get_running_loop().time()
        found = position_of(live.moves, self._clock.now(), view["waiting_on"], view["queue"])
        if stands_elsewhere(live.position, found, now - live.position_at):
            live.stands(found, now)
