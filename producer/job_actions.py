"""One action on every job that fits a filter: some hundred at a time, each part committed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.list_jobs import count_jobs, list_job_ids
from infra.postgres.tenants import Tenant
from producer.cancel import Canceller
from producer.retry import Retrier
from producer.search_places import SearchPlaces
from schemas.ids import format_id, parse_id
from schemas.job_action import JobAction, JobActionReport, JobActionRequest

# Jobs per transaction: short locks. And how many are looked up at once.
_CHUNK: Final = 100
_PAGE: Final = 2_000
# One call does not go on for longer; its caller goes on from the cursor.
_BUDGET_SECONDS: Final = 5.0
_SAMPLE: Final = 10


@dataclass(slots=True)
class _Progress:
    """How far one call has come."""

    cursor: UUID | None
    matched: int = 0
    changed: int = 0
    sample: list[UUID] = field(default_factory=list[UUID])

    def add(self, chunk: Sequence[UUID], changed: set[UUID]) -> None:
        self.cursor = chunk[-1]
        self.matched += len(chunk)
        self.changed += len(changed)
        in_order = [job_id for job_id in chunk if job_id in changed]
        self.sample += in_order[: _SAMPLE - len(self.sample)]


class JobActions:
    """Does an action for a tenant.

    Jobs are taken newest first, so that those which a retry makes are never met: they are newer
    than the newest.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        canceller: Canceller,
        retrier: Retrier,
        *,
        searches: SearchPlaces,
    ) -> None:
        self._engine = whole_transactions(engine)
        self._canceller = canceller
        self._retrier = retrier
        self._searches = searches

    async def carry_out(self, tenant: Tenant, request: JobActionRequest) -> JobActionReport:
        """Do what is asked for, or as much of it as there is time for.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached; what was done before stays
                so, and the call can be sent again.
            TooManySearchesError: There was no place to look for the jobs; the same holds.
        """
        if request.dry_run:
            return await self._dry_run(tenant, request)
        loop = asyncio.get_running_loop()
        until = loop.time() + _BUDGET_SECONDS
        done = _Progress(parse_id("job", request.cursor) if request.cursor else None)
        more = True
        found: list[UUID] = []
        while more and loop.time() < until:
            found = found or await self._find(tenant, request, done.cursor, _PAGE)
            chunk, found = found[:_CHUNK], found[_CHUNK:]
            more = bool(chunk)
            if chunk:
                done.add(chunk, set(await self._change(tenant, request, chunk)))
        if done.changed:
            await self._record(tenant, request.action, done)
        return JobActionReport(
            action=request.action,
            dry_run=False,
            matched=done.matched,
            matched_is_exact=True,
            changed=done.changed,
            skipped=done.matched - done.changed,
            sample=_shown(done.sample),
            has_more=more,
            cursor=format_id("job", done.cursor) if more and done.cursor else None,
        )

    async def _record(self, tenant: Tenant, action: JobAction, done: _Progress) -> None:
        detail = {"matched": done.matched, "changed": done.changed}
        async with transaction(self._engine) as connection:
            await record(connection, tenant.id, f"jobs.{action.value}", "jobs", detail)

    async def _dry_run(self, tenant: Tenant, request: JobActionRequest) -> JobActionReport:
        async with (
            self._searches.place(tenant.id),
            transaction(self._engine) as connection,
        ):
            total = await count_jobs(
                connection, tenant.id, request.wanted, repeatable=_repeats(request)
            )
        return JobActionReport(
            action=request.action,
            dry_run=True,
            matched=total.jobs,
            matched_is_exact=total.exact,
            changed=0,
            skipped=0,
            sample=_shown(await self._find(tenant, request, None, _SAMPLE)),
            has_more=False,
            cursor=None,
        )

    async def _find(
        self, tenant: Tenant, request: JobActionRequest, before: UUID | None, limit: int
    ) -> list[UUID]:
        async with (
            self._searches.place(tenant.id),
            transaction(self._engine) as connection,
        ):
            return await list_job_ids(
                connection,
                tenant.id,
                request.wanted,
                limit=limit,
                before=before,
                repeatable=_repeats(request),
            )

    async def _change(
        self, tenant: Tenant, request: JobActionRequest, chunk: Sequence[UUID]
    ) -> list[UUID]:
        if request.action is JobAction.RETRY:
            return await self._retrier.repeat_all(tenant, chunk)
        status = request.wanted.status
        # What changed its status between the look and the lock is left alone.
        only = status[0].value if len(status) == 1 else None
        return await self._canceller.cancel_these(tenant.id, chunk, only)


def _repeats(request: JobActionRequest) -> bool:
    return request.action is JobAction.RETRY


def _shown(job_ids: Sequence[UUID]) -> list[str]:
    return [format_id("job", job_id) for job_id in job_ids]
