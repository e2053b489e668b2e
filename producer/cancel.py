"""Cancelling: what waits ends at once, what runs is marked, and its worker is told.

The mark and every end are written first; the doorbell only makes it quick. Should it be lost,
the worker hears at its next renewal; should the worker hang, the reaper ends the job.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.doorbells import CANCEL, DELIVER, DONE, READY, ROOM, WAKE, Doorbells, Ring
from infra.endings import withdrawal_of
from infra.postgres.cancel import (
    Cancellable,
    Marked,
    count_matching,
    find_matching,
    lock_unfinished,
    mark_cancelled,
)
from infra.postgres.engine import transaction
from infra.postgres.finish import Finished
from infra.postgres.read_jobs import get_job
from infra.postgres.withdraw import withdraw_jobs
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_FINISHED
from schemas.cancel_request import CancelReport, CancelRequest
from schemas.errors import DatabaseUnavailableError, JobCancelledError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState, JobStatus, status_of
from schemas.queue_errors import JobEndedError

# Jobs per transaction: short locks, and the loop is not held up for long. And how many ids are
# looked up at once.
_CHUNK: Final = 200
_PAGE: Final = 5_000
# One request does not go on for longer; its caller sends it again.
_BUDGET_SECONDS: Final = 10.0
# Another transaction may hold a job's row and want one of ours; PostgreSQL ends one of the two.
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.05
_FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class _Done:
    """What one transaction did."""

    locked: Cancellable
    finished: Finished
    marked: tuple[Marked, ...]


class Canceller:
    """Cancels jobs for their tenants.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: Where callers reach the API.
        doorbells: Rung after each commit.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings, doorbells: Doorbells) -> None:
        self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        self._public_url = settings.public_url
        self._doorbells = doorbells

    async def cancel(self, tenant_id: int, job_id: UUID) -> JobRecord | None:
        """Cancel one job; to cancel it twice is to cancel it once.

        Returns:
            The job: ended if it waited, else as it runs until its worker has let go of it.
            ``None`` if the tenant has no such job.

        Raises:
            JobEndedError: It ended before, and not by being cancelled.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        await self._persistently(tenant_id, [job_id], None)
        async with transaction(self._engine) as connection:
            job = await get_job(connection, tenant_id, job_id)
        if job is not None and job.state.final and job.state is not JobState.CANCELLED:
            raise JobEndedError(
                f"the job has {status_of(job.state).value} already; it cannot be cancelled"
            )
        return job

    async def cancel_matching(self, tenant_id: int, request: CancelRequest) -> CancelReport:
        """Cancel every unfinished job that the request means, some hundreds at a time.

        Each transaction is whole: a job is as it was, or cancelled with all that follows. Jobs
        that are submitted meanwhile may be cancelled too, or not.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached; what was cancelled before
                stays so, and the request can be sent again.
        """
        if request.dry_run:
            async with transaction(self._engine) as connection:
                counted = await count_matching(connection, tenant_id, request)
            return CancelReport(
                matched=counted.waiting + counted.running,
                cancelled=counted.waiting,
                cancelling=counted.running,
                dry_run=True,
            )
        loop = asyncio.get_running_loop()
        until = loop.time() + _BUDGET_SECONDS
        cancelled = cancelling = 0
        cursor = _FIRST
        more = True
        found: list[UUID] = []
        while more and loop.time() < until:
            if not found:
                async with transaction(self._engine) as connection:
                    found = await find_matching(
                        connection, tenant_id, request, cursor=cursor, limit=_PAGE
                    )
            chunk, found = found[:_CHUNK], found[_CHUNK:]
            more = bool(chunk)
            if chunk:
                cursor = chunk[-1]
                done = await self._persistently(tenant_id, chunk, request.status)
                cancelled += len(done.finished.jobs)
                cancelling += len(done.marked)
        return CancelReport(
            matched=cancelled + cancelling,
            cancelled=cancelled,
            cancelling=cancelling,
            more=more,
        )

    async def cancel_these(
        self, tenant_id: int, job_ids: Sequence[UUID], status: str | None = None
    ) -> list[UUID]:
        """Cancel those of some hundred jobs that have not ended, in one transaction.

        Args:
            tenant_id: Whose jobs they are.
            job_ids: Which.
            status: Only what is still queued, or running.

        Returns:
            The jobs that have ended now, and those whose workers were told.
        """
        done = await self._persistently(tenant_id, job_ids, status)
        return [*done.finished.jobs, *(one.job_id for one in done.marked)]

    async def _persistently(
        self, tenant_id: int, job_ids: Sequence[UUID], status: str | None
    ) -> _Done:
        for last in range(1, _TRIES + 1):
            try:
                async with transaction(self._engine) as connection:
                    done = await self._cancel(connection, tenant_id, job_ids, status)
            except DatabaseUnavailableError:
                if last == _TRIES:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS * last)
            else:
                await self._tell(done)
                return done
        raise AssertionError("unreachable")

    async def _cancel(
        self,
        connection: AsyncConnection,
        tenant_id: int,
        job_ids: Sequence[UUID],
        status: str | None,
    ) -> _Done:
        locked = _narrowed(await lock_unfinished(connection, tenant_id, job_ids), status)
        withdrawals = [
            withdrawal_of(
                waiting,
                state=JobState.CANCELLED,
                error=JobCancelledError(),
                public_url=self._public_url,
            )
            for waiting in locked.waiting
        ]
        finished = await withdraw_jobs(connection, withdrawals)
        marked = await mark_cancelled(connection, locked.running)
        return _Done(locked, finished, marked)

    async def _tell(self, done: _Done) -> None:
        for waiting in done.locked.waiting:
            lane, kind = waiting.job.lane.value, waiting.job.kind.value
            JOBS_FINISHED.labels(lane, kind, JobStatus.CANCELLED.value).inc()
        rings = _cancel_rings(done.marked)
        if done.finished.jobs:
            # A released job leaves room for another one.
            rings.append(Ring(WAKE, READY if done.finished.unparked else ROOM))
            ids = " ".join(format_id("job", job_id) for job_id in done.finished.jobs)
            rings.append(Ring(DONE, ids))
        if done.finished.owed:
            rings.append(Ring(DELIVER, ""))
        if rings:
            await self._doorbells.ring_all(rings)


def _narrowed(locked: Cancellable, status: str | None) -> Cancellable:
    """Leave alone what changed its status between the look and the lock."""
    if status == JobStatus.QUEUED.value:
        return Cancellable(locked.waiting, ())
    if status == JobStatus.RUNNING.value:
        return Cancellable((), locked.running)
    return locked


def _cancel_rings(marked: Iterable[Marked]) -> list[Ring]:
    jobs: dict[int, list[str]] = defaultdict(list)
    for one in marked:
        jobs[one.session_id].append(format_id("job", one.job_id))
    return [Ring(CANCEL, f"{session} {' '.join(ids)}") for session, ids in jobs.items()]
