"""Jobs of tenants with budgets: judged, written and reserved for in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.group_commit import GroupCommit
from infra.postgres.budgets import (
    Written,
    balance_books,
    budgets_for,
    keys_in_use,
    lock_books,
    reserve,
    time_of,
    unbalanced,
    used_by,
    written_before,
)
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.forgotten_reservations import settle_forgotten
from infra.postgres.submit import NewJob, insert_jobs
from infra.settings import Settings
from infra.telemetry.metrics import ADMISSIONS
from producer.budget_verdict import Books, Verdict, lane_of, limits_of
from schemas.admission_errors import BudgetExhaustedError
from schemas.budget import TENANT_ITSELF
from schemas.job import JobRecord
from schemas.position import WaitingOn

_PATIENCE: Final = timedelta(seconds=2)

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BudgetedJob:
    """What became of a job whose tenant has budgets.

    Attributes:
        job: As it was written.
        created_at: When; ``None`` if it was refused, or its idempotency key is in use.
        refusal: The budget that has no room for it.
    """

    job: NewJob
    created_at: datetime | None = None
    downgraded: bool = False
    parked: bool = False
    refusal: BudgetExhaustedError | None = None

    def shown(self, record: JobRecord) -> JobRecord:
        """Return the record of the job as it was asked for, as it was written."""
        if not (self.downgraded or self.parked):
            return record
        waiting_on = WaitingOn.BUDGET.value if self.parked else record.waiting_on
        return replace(record, lane=lane_of(self.job), waiting_on=waiting_on)


class BudgetedInserts:
    """Writes jobs of tenants with budgets, many jobs of one tenant in one transaction.

    Each tenant has groups of its own: whoever waits for a tenant's books holds up nobody else.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: For how long idempotency keys live.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        # Kept by those who wait for an answer, and by the writer at work.
        self._groups = WeakValueDictionary[int, GroupCommit[NewJob, BudgetedJob]]()

    async def add(self, job: NewJob) -> BudgetedJob:
        """Write the job, whose ``money`` is reckoned, with the next group if there is room.

        Raises:
            DatabaseUnavailableError: Not written, or fate unknown.
        """
        group = self._groups.get(job.tenant_id)
        if group is None:
            group = GroupCommit[NewJob, BudgetedJob](
                self._write, name="submit_budgeted", patience=_PATIENCE
            )
            self._groups[job.tenant_id] = group
        written = await group.add(job)
        if written.downgraded or written.parked:
            decision = "downgraded" if written.downgraded else "parked"
            ADMISSIONS.labels(decision, BudgetExhaustedError.code).inc()
        return written

    async def close(self) -> None:
        """Wait for what is being written."""
        for group in list(self._groups.values()):
            await group.close()

    async def _write(self, jobs: Sequence[NewJob]) -> Sequence[BudgetedJob]:
        ttl = self._settings.idempotency_ttl
        async with transaction(self._engine) as connection:
            return await insert_budgeted(connection, jobs, idempotency_ttl=ttl)


async def insert_budgeted(
    connection: AsyncConnection,
    jobs: Sequence[NewJob],
    *,
    idempotency_ttl: timedelta,
) -> list[BudgetedJob]:
    """Judge jobs in their order, insert those that are accepted, reserve for them.

    Repeating it with the same jobs changes nothing and gives the same answers.

    Args:
        connection: A transaction of isolation READ COMMITTED without row locks, or one that
            holds the books of these tenants already.
        jobs: Of any tenants.
        idempotency_ttl: As ``insert_jobs`` wants it.
    """
    await lock_books(connection, {job.tenant_id for job in jobs})
    before = await written_before(connection, [job.id for job in jobs])
    wanted = [(job.tenant_id, job.idempotency_key) for job in jobs if job.id not in before]
    taken = await keys_in_use(connection, {(t, key) for t, key in wanted if key is not None})
    fresh: list[NewJob] = []
    for job in jobs:
        key = (job.tenant_id, job.idempotency_key or "")
        if job.id not in before and (job.idempotency_key is None or key not in taken):
            fresh.append(job)
            taken.add(key)
    verdicts = {v.job.id: v for v in await judged(connection, fresh)}
    accepted = [v for v in verdicts.values() if v.refusal is None]
    created = await insert_admitted(connection, accepted, idempotency_ttl=idempotency_ttl)
    return [_outcome(job, verdicts.get(job.id), before.get(job.id), created) for job in jobs]


async def judged(connection: AsyncConnection, jobs: Sequence[NewJob]) -> list[Verdict]:
    """Return what becomes of each job, the earlier ones counted in; the books are locked."""
    if not jobs:
        return []
    tenants = {job.tenant_id for job in jobs}
    await balance_books(connection, tenants)
    books = await read_books(connection, jobs)
    return [books.judge(job) for job in jobs]


async def read_books(connection: AsyncConnection, jobs: Sequence[NewJob]) -> Books:
    """Return the budgets that hold for these jobs, and what is used of them."""
    spenders = {(job.tenant_id, job.end_user or TENANT_ITSELF) for job in jobs}
    budgets = await budgets_for(connection, spenders)
    limited = {
        (tenant, user if any(one.end_user for one in limits_of(found, user)) else TENANT_ITSELF)
        for tenant, user in spenders
        if (found := budgets.get(tenant, []))
    }
    now = await time_of(connection)
    since = now.astimezone(UTC).date().replace(day=1)
    counted = limited | {(tenant, TENANT_ITSELF) for tenant, _ in limited}
    used = await used_by(connection, counted, since) if counted else {}
    return Books(budgets, used, now)


async def insert_admitted(
    connection: AsyncConnection, verdicts: Sequence[Verdict], *, idempotency_ttl: timedelta
) -> dict[UUID, datetime]:
    """Insert what was accepted, and reserve for what was inserted; the books are locked."""
    if not verdicts:
        return {}
    jobs = [verdict.job for verdict in verdicts]
    created = await insert_jobs(connection, jobs, idempotency_ttl=idempotency_ttl)
    held = [v.reservation for v in verdicts if v.reservation and v.job.id in created]
    await reserve(connection, held)
    return created


@dataclass(frozen=True, slots=True)
class Admitted:
    """Jobs that somebody else inserts, as they are to be written."""

    verdicts: Sequence[Verdict]

    @property
    def jobs(self) -> list[NewJob]:
        """The jobs."""
        return [verdict.job for verdict in self.verdicts]

    async def reserve_for(
        self, connection: AsyncConnection, inserted: Sequence[NewJob]
    ) -> None:
        """Hold back what those of them may take that were inserted."""
        ids = {job.id for job in inserted}
        held = [v.reservation for v in self.verdicts if v.reservation and v.job.id in ids]
        await reserve(connection, held)


async def admit_all(connection: AsyncConnection, jobs: Sequence[NewJob]) -> Admitted:
    """Judge jobs that are to be inserted together, in this transaction, or not at all.

    Raises:
        BudgetExhaustedError: One of them has no room in a budget.
    """
    if all(job.money is None for job in jobs):
        return Admitted([Verdict(job) for job in jobs])
    await lock_books(connection, {job.tenant_id for job in jobs})
    verdicts = await judged(connection, jobs)
    for verdict in verdicts:
        if verdict.refusal is not None:
            raise verdict.refusal
    return Admitted(verdicts)


async def balance_all_books(engine: AsyncEngine) -> int:
    """Move over what is settled of tenants that submit nothing more; return how many.

    What workers of an older release left unsettled, while both ran, is settled first.
    """
    async with transaction(engine) as connection:
        forgotten = await settle_forgotten(connection)
    if forgotten:
        _log.warning("reservations_forgotten", jobs=forgotten)
    async with transaction(engine) as connection:
        tenants = await unbalanced(connection)
    for tenant in tenants:
        async with transaction(engine) as connection:
            await lock_books(connection, [tenant])
            await balance_books(connection, [tenant])
    return len(tenants)


def _outcome(
    job: NewJob,
    verdict: Verdict | None,
    before: Written | None,
    created: Mapping[UUID, datetime],
) -> BudgetedJob:
    if before is not None:
        run_at = before.run_at if before.parked else job.run_at
        written = replace(job, lane=before.lane, run_at=run_at)
        return BudgetedJob(written, before.created_at, before.downgraded, before.parked)
    if verdict is None:
        return BudgetedJob(job)
    if verdict.refusal is not None:
        return BudgetedJob(job, refusal=verdict.refusal)
    at = created.get(job.id)
    return BudgetedJob(verdict.job, at, verdict.downgraded, verdict.parked)
