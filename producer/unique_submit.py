"""Jobs whose key must be theirs alone: the key and the job are written in one transaction."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.doorbells import DELIVER, DONE, Ring
from infra.endings import withdrawal_of
from infra.postgres.budgets import lock_books
from infra.postgres.cancel import lock_unfinished
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.read_jobs import get_job
from infra.postgres.submit import NewJob, insert_jobs, known_key
from infra.postgres.unique_jobs import KeyHolder, claim_key, take_key
from infra.postgres.withdraw import withdraw_jobs
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_FINISHED
from producer.budgets import BudgetedJob, insert_budgeted
from producer.rings import rings_of
from schemas import lanes
from schemas.errors import DatabaseUnavailableError, FieldError
from schemas.ids import format_id
from schemas.job import JobRecord, JobRequest, iso_ms
from schemas.job_states import JobState, JobStatus
from schemas.queue_errors import DuplicateJobError, JobReplacedError
from schemas.unique import OnConflict, UniqueKey, scoped_key

# Who waits for a key holds a connection; the others must be left for everybody else.
_AT_ONCE: Final = 4
_PATIENCE: Final = 2.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class _IdempotencyKeyUsedError(Exception):
    """Undoes the transaction: this request, or another one under its key, came before."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a job that was to be written.

    Attributes:
        created_at: When it was written; ``None`` if its idempotency key is in use, or if
            another job holds its unique key and is to be returned.
        holder: That other job.
        replaced: A job that was cancelled to make room.
        written: How it was written, if its tenant has budgets.
        job: What was to be written.
    """

    created_at: datetime | None
    holder: JobRecord | None = None
    replaced: JobRecord | None = None
    written: BudgetedJob | None = None
    job: NewJob | None = None

    def announce(self) -> list[Ring]:
        """Count what this is, now that it is committed, and return what to ring."""
        rings = rings_of([self.job] if self.job else []) if self.created_at else []
        if self.replaced:
            lane, kind = self.replaced.lane.value, self.replaced.kind.value
            JOBS_FINISHED.labels(lane, kind, JobStatus.CANCELLED.value).inc()
            rings += [Ring(DELIVER, ""), Ring(DONE, format_id("job", self.replaced.id))]
        return rings


class UniqueInserts:
    """Writes jobs with a unique key, each in a transaction of its own.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: For how long idempotency keys live, and where callers reach the API.
        ring: Rings the doorbells after a commit.
    """

    def __init__(
        self, engine: AsyncEngine, settings: Settings, ring: Callable[..., None]
    ) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        self._ring = ring
        self._room = asyncio.Semaphore(max(1, min(_AT_ONCE, settings.database_pool_size // 2)))

    async def add(self, new: NewJob, request: JobRequest) -> Placed:
        """Write the job if its key is free, or can be made free.

        Raises:
            DuplicateJobError: Another job holds the key.
            DatabaseUnavailableError: PostgreSQL could not be reached for two seconds.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _PATIENCE
        pause, again = _FIRST_PAUSE, False
        while True:
            try:
                async with self._room, transaction(self._engine) as connection:
                    placed = await self._try(connection, new, request, again=again)
            except _IdempotencyKeyUsedError:
                return Placed(None)
            except DatabaseUnavailableError:
                if loop.time() + pause > give_up:
                    raise
            else:
                if placed.created_at is not None:
                    self._ring(*placed.announce())
                return placed
            await asyncio.sleep(pause)
            pause, again = min(2 * pause, _LONGEST_PAUSE), True

    async def _try(
        self, connection: AsyncConnection, new: NewJob, request: JobRequest, *, again: bool
    ) -> Placed:
        if again:
            # The answer to the commit may be all that was lost.
            written = await get_job(connection, new.tenant_id, new.id)
            if written is not None:
                return Placed(written.created_at, job=new)
        placed = await place(connection, new, request, self._settings)
        if placed.created_at is None and placed.holder is None:
            raise _IdempotencyKeyUsedError
        return placed


async def place(
    connection: AsyncConnection, new: NewJob, request: JobRequest, settings: Settings
) -> Placed:
    """Write a job in the caller's transaction, under its unique key if it has one.

    Args:
        connection: A transaction of isolation READ COMMITTED. If nothing was written, it must
            not be committed as if there were a job.
        new: The job.
        request: What it was made of.
        settings: For how long idempotency keys live, and where callers reach the API.

    Raises:
        DuplicateJobError: Another job holds the key.
        BudgetExhaustedError: A budget has no room for it; nothing was written.
    """
    if new.money is None:
        return await _place(connection, new, request, settings)
    # Books are locked before rows; a refusal must undo the claim of the unique key.
    await lock_books(connection, [new.tenant_id])
    async with connection.begin_nested():
        return await _place(connection, new, request, settings)


async def _place(
    connection: AsyncConnection, new: NewJob, request: JobRequest, settings: Settings
) -> Placed:
    placed = Placed(None)
    unique = request.unique
    if unique is not None:
        lane = lanes.BY_NUMBER[new.lane]
        key = scoped_key(unique, lane=lane, kind=request.kind, model=new.model)
        period = timedelta(seconds=unique.period) if unique.period else None
        found = await claim_key(connection, new.tenant_id, key, new.id, period)
        if found.job_id != new.id:
            if await _came_before(connection, new):
                return placed
            if found.held:
                placed = await make_room(connection, found, new, unique, settings)
            if placed.holder is not None:
                return placed
            await take_key(connection, new.tenant_id, key, new.id, period)
    if new.money is not None:
        (written,) = await insert_budgeted(
            connection, [new], idempotency_ttl=settings.idempotency_ttl
        )
        if written.refusal is not None:
            raise written.refusal
        return replace(placed, created_at=written.created_at, written=written, job=new)
    created = await insert_jobs(connection, [new], idempotency_ttl=settings.idempotency_ttl)
    return replace(placed, created_at=created.get(new.id), job=new)


async def _came_before(connection: AsyncConnection, new: NewJob) -> bool:
    """Return whether this very request may have been served: idempotency comes first."""
    if new.idempotency_key is None:
        return False
    return await known_key(connection, new.tenant_id, new.idempotency_key) is not None


async def make_room(
    connection: AsyncConnection,
    found: KeyHolder,
    new: NewJob,
    unique: UniqueKey,
    settings: Settings,
) -> Placed:
    """Take the key's holder out of the way, or return it, as ``unique`` wants it.

    Raises:
        DuplicateJobError: It stays, and keeps the key.
    """
    match unique.on_conflict:
        case OnConflict.REJECT:
            raise _duplicate(found, unique, "")
        case OnConflict.RETURN:
            # Retention may have dropped a job before its period was over.
            return Placed(None, holder=await get_job(connection, new.tenant_id, found.job_id))
        case OnConflict.REPLACE:
            unfinished = await lock_unfinished(connection, new.tenant_id, [found.job_id])
            if unfinished.running:
                raise _duplicate(found, unique, "; it runs already and is not replaced")
            if unfinished.waiting:
                withdrawal = withdrawal_of(
                    unfinished.waiting[0],
                    state=JobState.CANCELLED,
                    error=JobReplacedError(format_id("job", new.id)),
                    public_url=settings.public_url,
                )
                await withdraw_jobs(connection, [withdrawal])
                return Placed(None, replaced=unfinished.waiting[0].job)
            if found.until is not None:
                raise _duplicate(found, unique, "; it has ended and cannot be replaced")
            return Placed(None)


def _duplicate(found: KeyHolder, unique: UniqueKey, why: str) -> DuplicateJobError:
    holder = format_id("job", found.job_id)
    until = f"until {iso_ms(found.until)}" if found.until else "until it has ended"
    return DuplicateJobError(
        f"{holder} holds the unique key {unique.key!r} {until}{why}",
        fields=[FieldError("/unique/key", f"is held by {holder}")],
    )
