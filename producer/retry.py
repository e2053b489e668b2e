"""Try a job again: an ended one by a new job, once; one that waits for its attempt, now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.doorbells import READY, WAKE, Doorbells
from infra.new_ids import new_key
from infra.postgres.dead_letters import replace_dead_letters
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.kept_answers import Call, claim_call, kept_answer
from infra.postgres.read_jobs import get_job
from infra.postgres.retry_jobs import EndedJob, ended_jobs, hasten
from infra.postgres.submit import NewJob
from infra.postgres.tenants import Tenant
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_SUBMITTED
from producer.budget_verdict import lane_of
from producer.budgets import admit_all
from producer.bulk_items import is_refusal
from producer.erased import erased_job
from producer.idempotency import refuse_other_body
from producer.rings import rings_of
from producer.submit import Submitter
from schemas import generation
from schemas.admission_errors import BudgetExhaustedError
from schemas.errors import FieldError, GenqError, InputError
from schemas.ids import format_id
from schemas.job import JobRecord, JobRequest
from schemas.job_states import JobState, status_of
from schemas.privacy_errors import ContentErasedError
from schemas.retry import REPEATABLE
from schemas.retry_errors import NotRetryableError

_AS_JOB: Final = '{"as": "new_job"}'
_AS_ATTEMPT: Final = '{"as": "new_attempt"}'


class _KnownCallError(Exception):
    """Undoes the transaction: the same call came before."""


@dataclass(frozen=True, slots=True)
class Retried:
    """The job that tries again; ``replayed`` if an earlier call had made it."""

    job: JobRecord
    replayed: bool


class Retrier:
    """Tries a tenant's jobs again.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        submitter: Makes jobs of requests.
        doorbells: Rung after each commit.
        settings: For how long idempotency keys live.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        submitter: Submitter,
        doorbells: Doorbells,
        settings: Settings,
    ) -> None:
        self._engine = whole_transactions(engine)
        self._submitter = submitter
        self._doorbells = doorbells
        self._ttl = settings.idempotency_ttl

    async def repeat(self, tenant: Tenant, job: JobRecord, call: Call | None = None) -> Retried:
        """Make a job that does again what an ended one was to do; an ended job has only one.

        Args:
            tenant: Whose job it is.
            job: As it was read a moment ago.
            call: The idempotency key, if there is one.

        Raises:
            NotRetryableError: It has not ended, or it succeeded.
            BudgetExhaustedError: A budget has no room for it.
            GenqError: It is not acceptable any more, such as for a model that is gone.
        """
        while True:
            known = await self._known(tenant, call)
            if known is not None:
                return Retried(known, replayed=True)
            ended = await self._ended(tenant, job)
            if ended.redriven_by is not None:
                return await self._earlier(tenant, job, ended.redriven_by)
            try:
                made = await self._write(tenant, [await self._draft(tenant, ended)], call)
            except _KnownCallError:
                continue
            except BudgetExhaustedError:
                if (await self._ended(tenant, job)).redriven_by is None:
                    raise
                # What took the room is the same job, made by somebody else's retry.
                continue
            if made:
                return Retried(await self._read(tenant, made[0].id, job), replayed=False)

    async def hurry(self, tenant: Tenant, job: JobRecord) -> JobRecord:
        """Let a job that waits for its next attempt have it now.

        Raises:
            NotRetryableError: It does not wait for an attempt.
        """
        async with transaction(self._engine) as connection:
            hastened = await hasten(connection, tenant.id, job.id)
        now = await self._read(tenant, job.id, job)
        if not hastened:
            raise NotRetryableError(_no_attempt(now))
        await self._doorbells.ring(WAKE, READY)
        return now

    async def repeat_all(self, tenant: Tenant, job_ids: Sequence[UUID]) -> list[UUID]:
        """Repeat jobs that can be, at most some hundreds; return which.

        One that is not acceptable any more, or has no room in a budget, is left as it is.
        """
        async with transaction(self._engine) as connection:
            found = await ended_jobs(connection, tenant.id, job_ids)
        drafts: list[NewJob] = []
        for ended in found:
            try:
                drafts.append(await self._draft(tenant, ended))
            except GenqError as error:
                if not is_refusal(error):
                    raise
        made = await self._write_what_fits(tenant, drafts)
        return [job.redrive_of for job in made if job.redrive_of is not None]

    async def _write_what_fits(self, tenant: Tenant, drafts: Sequence[NewJob]) -> list[NewJob]:
        if not drafts:
            return []
        try:
            return await self._write(tenant, drafts)
        except GenqError as error:
            if not is_refusal(error):
                raise
            if len(drafts) == 1:
                return []
        # A budget ran out on the way: halve, until what fits is in and what does not is out.
        half = len(drafts) // 2
        first = await self._write_what_fits(tenant, drafts[:half])
        return first + await self._write_what_fits(tenant, drafts[half:])

    async def _write(
        self, tenant: Tenant, drafts: Sequence[NewJob], call: Call | None = None
    ) -> list[NewJob]:
        async with transaction(self._engine) as connection:
            admitted = await admit_all(connection, drafts)
            if call is not None:
                await self._claim(connection, call, admitted.jobs[0])
            made = await replace_dead_letters(
                connection,
                tenant.id,
                admitted.jobs,
                idempotency_ttl=self._ttl,
                states=REPEATABLE,
            )
            if call is not None and not made:
                # Somebody else's retry was faster; the key must not name a job that is not.
                raise _KnownCallError
            await admitted.reserve_for(connection, made)
        if made:
            await self._doorbells.ring_all(rings_of(made))
        for job in made:
            kind = generation.BY_NUMBER[job.kind]
            JOBS_SUBMITTED.labels(lane_of(job).value, kind.value).inc()
        return made

    async def _claim(self, connection: AsyncConnection, call: Call, job: NewJob) -> None:
        told = {"job": str(job.id)}
        free = await claim_call(connection, call, job_id=new_key(), ttl=self._ttl, answer=told)
        if not free:
            raise _KnownCallError

    async def _known(self, tenant: Tenant, call: Call | None) -> JobRecord | None:
        if call is None:
            return None
        async with transaction(self._engine) as connection:
            kept = await kept_answer(connection, call)
            if kept is None:
                return None
            refuse_other_body(kept.request_hash, call.request_hash)
            return await get_job(connection, tenant.id, UUID(kept.answer["job"]))

    async def _ended(self, tenant: Tenant, job: JobRecord) -> EndedJob:
        async with transaction(self._engine) as connection:
            found = await ended_jobs(connection, tenant.id, [job.id])
        if not found:
            raise NotRetryableError(_no_repetition(await self._read(tenant, job.id, job)))
        return found[0]

    async def _earlier(self, tenant: Tenant, job: JobRecord, by: UUID) -> Retried:
        async with transaction(self._engine) as connection:
            made = await get_job(connection, tenant.id, by)
        if made is None:
            raise NotRetryableError(
                f"{format_id('job', job.id)} was tried again by {format_id('job', by)}, which "
                "is no longer stored; submit a new job"
            )
        return Retried(made, replayed=True)

    async def _draft(self, tenant: Tenant, ended: EndedJob) -> NewJob:
        if ended.erased:
            raise ContentErasedError(erased_job(ended.id))
        request = request_of(ended)
        draft = await self._submitter.draft(tenant, request, typed=ended.typed)
        return replace(draft, redrive_of=ended.id)

    async def _read(self, tenant: Tenant, job_id: UUID, otherwise: JobRecord) -> JobRecord:
        async with transaction(self._engine) as connection:
            return await get_job(connection, tenant.id, job_id) or otherwise


def request_of(ended: EndedJob) -> JobRequest:
    """Return what asks for the same again.

    Raises:
        InputError: This release does not accept what an earlier one has stored.
    """
    try:
        return JobRequest.model_validate(ended.request)
    except ValidationError as error:
        faults = [
            FieldError("".join(f"/{part}" for part in fault["loc"]), fault["msg"])
            for fault in error.errors(include_input=False, include_url=False)
        ]
        shown = format_id("job", ended.id)
        message = f"{shown} is not acceptable any more as it is; submit a new job"
        raise InputError(message, fields=faults) from None


def _no_repetition(job: JobRecord) -> str:
    shown, status = format_id("job", job.id), status_of(job.state).value
    if job.state is JobState.SUCCEEDED:
        return f"{shown} has succeeded: there is nothing to try again; submit a new job"
    hint = f"; {_AS_ATTEMPT} lets its next attempt begin now" if _waits(job) else ""
    return f"{shown} is {status}: only a job that has ended is repeated{hint}"


def _no_attempt(job: JobRecord) -> str:
    shown, status = format_id("job", job.id), status_of(job.state).value
    if job.state in REPEATABLE:
        return (
            f"{shown} is {status}, and its end was announced: it has no further attempts; "
            f"{_AS_JOB} makes a new job that does the same again"
        )
    return f"{shown} is {status}, and does not wait for another attempt"


def _waits(job: JobRecord) -> bool:
    return job.state is JobState.SCHEDULED and job.attempts > 0
