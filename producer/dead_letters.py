"""Send dead jobs again, edited or as they were: each of them once, whoever asks how often.

A job ends once, so what runs is a new job. The dead job names it in the same transaction that
writes it: two operators at once, or a process that dies half-way, cannot make it two.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.doorbells import Doorbells
from infra.postgres.dead_letters import (
    count_dead_letters,
    get_dead_letter,
    oldest_dead_letters,
    replace_dead_letters,
)
from infra.postgres.engine import transaction
from infra.postgres.partitions import first_key
from infra.postgres.read_jobs import get_job
from infra.postgres.submit import NewJob
from infra.postgres.tenants import Tenant
from infra.telemetry.metrics import JOBS_SUBMITTED
from producer.budgets import admit_all
from producer.erased import erased_job
from producer.rings import rings_of
from producer.submit import Submitter
from schemas import generation, lanes
from schemas.dead_letter import DeadLetter, DeadLetterEdits, DeadLetterFilter
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import format_id
from schemas.job import JobRequest
from schemas.job_states import status_of
from schemas.privacy_errors import ContentErasedError
from schemas.queue_errors import NotDeadError

# Rows locked at once, and inputs held in memory.
_CHUNK: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive did.

    Attributes:
        matching: How many fitted when it began.
        pairs: Each dead job, and the job that took its place; ``None`` if nothing was to be
            written.
        made: How many jobs this redrive wrote.
        already: How many an earlier redrive had written, or another one at the same time.
        has_more: Whether others fit that this redrive did not reach.
    """

    matching: int
    pairs: Sequence[tuple[UUID, UUID | None]]
    made: int = 0
    already: int = 0
    has_more: bool = False


class Redriver:
    """Sends a tenant's dead letters again."""

    def __init__(
        self,
        engine: AsyncEngine,
        submitter: Submitter,
        doorbells: Doorbells,
        *,
        idempotency_ttl: timedelta,
    ) -> None:
        # The API's engine makes each statement a transaction; here two belong together.
        self._engine = engine.execution_options(isolation_level="READ COMMITTED")
        self._submitter = submitter
        self._doorbells = doorbells
        self._ttl = idempotency_ttl

    async def redrive_one(
        self, tenant: Tenant, job_id: UUID, edits: DeadLetterEdits, *, dry_run: bool = False
    ) -> Redriven:
        """Send one dead job again; if that was done before, return the job that was made.

        Raises:
            NotFoundError: The tenant has no such job.
            NotDeadError: It has not ended, or ended in another way.
            InputError: The edited job is not acceptable; nothing was written.
        """
        letter = await self._find(tenant, job_id)
        if letter.redriven_by is not None:
            return Redriven(0, [(letter.id, letter.redriven_by)], already=1)
        draft = await self._draft(tenant, letter, edits)
        if dry_run:
            return Redriven(1, [(letter.id, None)])
        made = await self._write(tenant, [draft])
        if made:
            return Redriven(1, made, made=1)
        # Another redrive was faster by the time of one statement.
        now = await self._find(tenant, job_id)
        return Redriven(1, [(now.id, now.redriven_by)], already=1)

    async def redrive_matching(
        self,
        tenant: Tenant,
        wanted: DeadLetterFilter,
        edits: DeadLetterEdits,
        *,
        submitted_before: datetime,
        limit: int,
        dry_run: bool = False,
    ) -> Redriven:
        """Send the oldest ``limit`` of the dead jobs that fit again.

        All are checked before the first is written. Jobs that were submitted since
        ``submitted_before`` are left alone: so none is sent again that this redrive made.

        Raises:
            InputError: One of the edited jobs is not acceptable; nothing was written.
            DatabaseUnavailableError: PostgreSQL went away. What was written stays; the same
                call goes on with the rest.
        """
        before = first_key(max(submitted_before, _EPOCH))
        async with transaction(self._engine) as connection:
            matching = await count_dead_letters(connection, tenant.id, wanted, before=before)
        checked: list[UUID] = []
        async for letters in self._chunks(tenant, wanted, before, limit):
            for letter in letters:
                await self._draft(tenant, letter, edits)
            checked += [letter.id for letter in letters]
        more = matching > len(checked) >= limit
        if dry_run:
            return Redriven(matching, [(dead, None) for dead in checked], has_more=more)
        pairs: list[tuple[UUID, UUID | None]] = []
        async for letters in self._chunks(tenant, wanted, before, len(checked)):
            drafts = [await self._draft(tenant, letter, edits) for letter in letters]
            pairs += await self._write(tenant, drafts)
        return Redriven(
            matching,
            pairs,
            made=len(pairs),
            already=len(checked) - len(pairs),
            has_more=more,
        )

    async def _chunks(
        self, tenant: Tenant, wanted: DeadLetterFilter, before: UUID, limit: int
    ) -> AsyncIterator[list[DeadLetter]]:
        after: UUID | None = None
        while limit > 0:
            async with transaction(self._engine) as connection:
                letters = await oldest_dead_letters(
                    connection,
                    tenant.id,
                    wanted,
                    limit=min(limit, _CHUNK),
                    before=before,
                    after=after,
                )
            if not letters:
                return
            # Of what retention or an erasure took there is nothing to send.
            yield [letter for letter in letters if not letter.erased]
            limit -= len(letters)
            after = letters[-1].id

    async def _find(self, tenant: Tenant, job_id: UUID) -> DeadLetter:
        async with transaction(self._engine) as connection:
            letter = await get_dead_letter(connection, tenant.id, job_id)
            if letter is not None:
                return letter
            job = await get_job(connection, tenant.id, job_id)
        shown = format_id("job", job_id)
        if job is None:
            raise NotFoundError(f"there is no job {shown}")
        status = status_of(job.state).value
        raise NotDeadError(
            f"{shown} is {status}: only a job that used up its attempts is a dead letter; "
            "submit a new job instead"
        )

    async def _draft(
        self, tenant: Tenant, letter: DeadLetter, edits: DeadLetterEdits
    ) -> NewJob:
        if letter.erased:
            raise ContentErasedError(erased_job(letter.id))
        try:
            request = JobRequest.model_validate(edits.applied_to(letter))
            # Nobody typed what was edited.
            typed = None if edits.input else letter.typed
            draft = await self._submitter.draft(tenant, request, typed=typed)
        except ValidationError as error:
            faults = [
                FieldError("".join(f"/{part}" for part in fault["loc"]), fault["msg"])
                for fault in error.errors(include_input=False, include_url=False)
            ]
            raise _refused(letter, "the edited job is not acceptable", faults) from None
        except InputError as error:
            raise _refused(letter, error.message, error.fields) from None
        return replace(draft, redrive_of=letter.id)

    async def _write(
        self, tenant: Tenant, drafts: Sequence[NewJob]
    ) -> list[tuple[UUID, UUID | None]]:
        async with transaction(self._engine) as connection:
            admitted = await admit_all(connection, drafts)
            made = await replace_dead_letters(
                connection, tenant.id, admitted.jobs, idempotency_ttl=self._ttl
            )
            await admitted.reserve_for(connection, made)
        if made:
            await self._doorbells.ring_all(rings_of(made))
        for job in made:
            lane, kind = lanes.BY_NUMBER[job.lane], generation.BY_NUMBER[job.kind]
            JOBS_SUBMITTED.labels(lane.value, kind.value).inc()
        _log.info("dead_letters_redriven", tenant=tenant.name, jobs=len(made))
        return [(job.redrive_of, job.id) for job in made if job.redrive_of is not None]


def _refused(letter: DeadLetter, message: str, faults: Sequence[FieldError]) -> InputError:
    shown = format_id("job", letter.id)
    placed = [FieldError(f"/edits{fault.pointer}", fault.message) for fault in faults]
    return InputError(f"nothing was sent again: {shown}: {message}", fields=placed)
