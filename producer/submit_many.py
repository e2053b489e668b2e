"""Many jobs in one call: checked one by one, written by one transaction."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.doorbells import DONE, Ring
from infra.new_ids import new_key
from infra.postgres.budgets import lock_books
from infra.postgres.claim_keys import let_go_of_keys
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.kept_answers import Call, claim_call, keep_answer, kept_answer
from infra.postgres.read_jobs import get_job, get_jobs
from infra.postgres.submit import NewJob, insert_jobs
from infra.postgres.tenants import Tenant
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_SUBMITTED
from producer.breather import Breather
from producer.budget_verdict import lane_of
from producer.budgets import BudgetedJob, insert_budgeted
from producer.bulk_items import (
    BulkDraft,
    BulkItem,
    SubmittedMany,
    is_refusal,
    jobs_kept,
    kept_items,
    outcome_of,
    refusal_of_all,
    to_keep,
)
from producer.draft import Drafter
from producer.idempotency import refuse_other_body
from producer.rings import rings_of
from producer.unique_bulk import BulkKeys
from producer.unique_submit import Placed
from schemas import generation
from schemas.errors import DatabaseUnavailableError, GenqError, PayloadTooLargeError
from schemas.job import JobRequest

# Each holds a connection and some megabytes; single submits must not wait for them.
_AT_ONCE: Final = 2
_ROOM_SECONDS: Final = 10.0
_PATIENCE: Final = 2.0
_FIRST_PAUSE: Final = 0.05


class _KnownCallError(Exception):
    """Undoes the transaction: the same call came before."""


@dataclass(frozen=True, slots=True)
class _Bulk:
    """One call, its jobs checked.

    Attributes:
        size: How many jobs it has.
        whole: Whether one refused job refuses all.
        call: The idempotency key, if there is one.
        drafts: Jobs that are acceptable as far as they themselves say.
        errors: The others, by their place.
    """

    tenant: Tenant
    size: int
    whole: bool
    call: Call | None
    drafts: Sequence[BulkDraft]
    errors: Mapping[int, GenqError]


@dataclass(frozen=True, slots=True)
class _Written:
    """What one transaction made of a call: by place, and what is to be told after it."""

    items: Sequence[BulkItem]
    jobs: Sequence[NewJob]
    placed: Sequence[Placed]


class BulkInserts:
    """Writes the jobs of bulk calls.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: For how long idempotency keys live, how large one job may be.
        drafter: Makes jobs of requests.
        ring: Rings the doorbells after a commit.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        drafter: Drafter,
        ring: Callable[..., None],
    ) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        self._drafter = drafter
        self._ring = ring
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def add(
        self,
        tenant: Tenant,
        requests: Sequence[JobRequest | GenqError],
        *,
        whole: bool,
        call: Call | None,
    ) -> SubmittedMany:
        """Write what can be written; see ``Submitter.submit_many``."""
        replay = await self._replay(call) if call else None
        if replay is not None:
            return replay
        bulk = await self._checked(tenant, requests, whole=whole, call=call)
        _refuse_whole(bulk, bulk.errors)
        while True:
            written = await self._write_persistently(bulk)
            if written is not None:
                self._tell(written)
                return SubmittedMany(written.items)
            replay = await self._replay(call) if call else None
            if replay is not None:
                return replay

    async def _checked(
        self,
        tenant: Tenant,
        requests: Sequence[JobRequest | GenqError],
        *,
        whole: bool,
        call: Call | None,
    ) -> _Bulk:
        drafts: list[BulkDraft] = []
        errors: dict[int, GenqError] = {}
        breather = Breather()
        for index, request in enumerate(requests):
            try:
                drafts.append(await self._draft(tenant, index, request))
            except GenqError as error:
                if not is_refusal(error):
                    raise
                errors[index] = error
            await breather.breathe()
        return _Bulk(tenant, len(requests), whole, call, drafts, errors)

    async def _draft(
        self, tenant: Tenant, index: int, request: JobRequest | GenqError
    ) -> BulkDraft:
        if isinstance(request, GenqError):
            raise request
        new, parameters = await self._drafter.draft(tenant, request)
        most = self._settings.max_body_bytes
        if len(new.payload) > most:
            raise PayloadTooLargeError(f"one job may have {most} bytes at the most")
        return BulkDraft(index, request, new, parameters)

    async def _write_persistently(self, bulk: _Bulk) -> _Written | None:
        """Return what was written; ``None`` if the same call came before."""
        loop = asyncio.get_running_loop()
        give_up, pause = loop.time() + _PATIENCE, _FIRST_PAUSE
        written: _Written | None = None
        while True:
            try:
                async with self._transaction() as connection:
                    # The answer to the commit may be all that was lost.
                    if written is None or not await _is_there(connection, written):
                        written = await self._write(connection, bulk)
            except _KnownCallError:
                return None
            except DatabaseUnavailableError:
                if loop.time() + pause > give_up:
                    raise
            else:
                return written
            await asyncio.sleep(pause)
            pause *= 2

    async def _write(self, connection: AsyncConnection, bulk: _Bulk) -> _Written:
        budgeted = any(draft.new.money is not None for draft in bulk.drafts)
        if budgeted:
            # Books are locked before rows.
            await lock_books(connection, [bulk.tenant.id])
        if bulk.call is not None:
            ttl = self._settings.idempotency_ttl
            if not await claim_call(connection, bulk.call, job_id=new_key(), ttl=ttl):
                raise _KnownCallError
        items = {index: BulkItem(index, error=error) for index, error in bulk.errors.items()}
        together = bulk.whole or not budgeted
        keys = BulkKeys(connection, bulk.tenant, self._settings, together=together)
        free = await keys.claim(bulk.drafts, items)
        _refuse_whole(bulk, _errors(items))
        written = await self._insert(connection, free)
        breather = Breather()
        for draft, job in zip(free, written, strict=True):
            items[draft.index] = outcome_of(draft, job)
            await breather.breathe()
        _refuse_whole(bulk, _errors(items))
        refused = [job.job.id for job in written if job.refusal is not None]
        await let_go_of_keys(connection, bulk.tenant.id, refused)
        keys.give_to_twins(items)
        ordered = [items[index] for index in range(bulk.size)]
        if bulk.call is not None:
            await keep_answer(connection, bulk.call, to_keep(ordered))
        jobs = [one.job for one in (*written, *keys.written) if one.created_at is not None]
        return _Written(ordered, jobs, keys.placed)

    async def _insert(
        self, connection: AsyncConnection, drafts: Sequence[BulkDraft]
    ) -> Sequence[BudgetedJob]:
        jobs = [draft.new for draft in drafts]
        ttl = self._settings.idempotency_ttl
        if any(job.money is not None for job in jobs):
            return await insert_budgeted(connection, jobs, idempotency_ttl=ttl)
        created = await insert_jobs(connection, jobs, idempotency_ttl=ttl) if jobs else {}
        return [BudgetedJob(job, created[job.id]) for job in jobs]

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[AsyncConnection]:
        try:
            async with asyncio.timeout(_ROOM_SECONDS):
                await self._room.acquire()
        except TimeoutError:
            raise DatabaseUnavailableError("other bulk calls are being written") from None
        try:
            async with transaction(self._engine) as connection:
                yield connection
        finally:
            self._room.release()

    async def _replay(self, call: Call) -> SubmittedMany | None:
        """Return what the call was answered before; ``None`` if it is new."""
        async with transaction(self._engine) as connection:
            kept = await kept_answer(connection, call)
            if kept is None:
                return None
            refuse_other_body(kept.request_hash, call.request_hash)
            wanted = [(job_id, call.tenant_id) for job_id in jobs_kept(kept.answer)]
            jobs = await get_jobs(connection, wanted)
        return SubmittedMany(kept_items(kept.answer, jobs), replayed=True)

    def _tell(self, written: _Written) -> None:
        told = [ring for placed in written.placed for ring in placed.announce()]
        # Once each, however many jobs were replaced: every ring takes a connection.
        rings = {ring for ring in told if ring.channel != DONE}
        if written.jobs:
            rings.update(rings_of(written.jobs))
        ended = " ".join(ring.message for ring in told if ring.channel == DONE)
        if ended:
            rings.add(Ring(DONE, ended))
        counts = Counter((lane_of(job), generation.BY_NUMBER[job.kind]) for job in written.jobs)
        for (lane, kind), jobs in counts.items():
            JOBS_SUBMITTED.labels(lane.value, kind.value).inc(jobs)
        self._ring(*rings)


async def _is_there(connection: AsyncConnection, written: _Written) -> bool:
    """Return whether a transaction of unknown fate was committed after all."""
    if not written.jobs:
        return False
    first = written.jobs[0]
    return await get_job(connection, first.tenant_id, first.id) is not None


def _errors(items: Mapping[int, BulkItem]) -> dict[int, GenqError]:
    return {place: item.error for place, item in items.items() if item.error is not None}


def _refuse_whole(bulk: _Bulk, errors: Mapping[int, GenqError]) -> None:
    if bulk.whole and errors:
        raise refusal_of_all(errors, bulk.size)
