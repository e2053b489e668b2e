"""The one way in: every door hands its request to ``Submitter.submit``."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock, SystemClock
from infra.doorbells import Doorbells, Ring
from infra.group_commit import GroupCommit
from infra.job_events import queued_record
from infra.postgres.engine import single_statements, transaction, whole_transactions
from infra.postgres.held_calls import Held
from infra.postgres.kept_answers import Call
from infra.postgres.read_jobs import get_job
from infra.postgres.submit import NewJob, forget_key, insert_jobs, known_key
from infra.postgres.tenants import Tenant
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_SUBMITTED
from producer.accepted import accepted_record
from producer.budget_verdict import lane_of
from producer.budgets import BudgetedInserts, BudgetedJob
from producer.bulk_items import SubmittedMany
from producer.chat.inserts import ChatInserts
from producer.chat.opened_job import ChatJob
from producer.chat.opening import CHAT_FACE, ChatOpened, ChatOpening
from producer.draft import NOTHING, Drafter
from producer.idempotency import refuse_other_body
from producer.moderation import SubmitChecks
from producer.rings import rings_of
from producer.submit_many import BulkInserts
from producer.unique_submit import UniqueInserts
from schemas.chat_inbound import Command, Press
from schemas.errors import GenqError
from schemas.generation import Kind
from schemas.job import NATIVE, JobRecord, JobRequest
from schemas.lineage import Lineage
from schemas.model_catalog import Price

_PATIENCE: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted job; ``replayed`` if the idempotency key had accepted it before.

    ``found``: the job is an earlier one, which holds the unique key of the request.
    ``downgraded``: a budget is exhausted, so the job went to a slower lane.
    ``chat``: what a chat is answered; of a repetition whose job is gone, ``job`` is only what
    it would be now.
    """

    job: JobRecord
    replayed: bool
    found: bool = False
    downgraded: bool = False
    chat: ChatOpened | None = None


class Submitter:
    """Checks requests and writes jobs, many callers' jobs in one statement."""

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        doorbells: Doorbells,
        clock: Clock | None = None,
        checks: SubmitChecks | None = None,
    ) -> None:
        self._engine = engine
        self._statements = single_statements(engine)
        self._whole = whole_transactions(engine)
        self._settings = settings
        self._doorbells = doorbells
        self._drafter = Drafter(engine, settings, clock or SystemClock(), checks)
        self._rings: set[asyncio.Task[None]] = set()
        self._inserts = GroupCommit[NewJob, datetime | None](
            self._insert, name="submit", patience=_PATIENCE
        )
        self._budgeted_inserts = BudgetedInserts(engine, settings)
        self._unique_inserts = UniqueInserts(engine, settings, self._ring)
        self._bulk_inserts = BulkInserts(engine, settings, self._drafter, self._ring)
        self._chat_inserts = ChatInserts(engine, settings, self._ring)

    async def submit(
        self,
        tenant: Tenant,
        request: JobRequest,
        *,
        idempotency_key: str | None = None,
        body_hash: bytes = b"",
        schedule_id: UUID | None = None,
        face: str = NATIVE,
        aside: Mapping[str, Any] = NOTHING,
        held: Held | None = None,
        lineage: Lineage | None = None,
        files: Sequence[UUID] = (),
        chat: ChatOpening | None = None,
    ) -> Submitted:
        """Accept a job: when this returns, it is durable.

        Args:
            tenant: Whose job it is.
            request: What the caller asked for, already of the right shape.
            idempotency_key: The same key with the same body is the same job.
            body_hash: A digest of the body, to tell another body under the same key.
            schedule_id: The schedule that the job is one of.
            face: The door that it comes in by.
            aside: What that door keeps with it, in the clear: flags, nothing of the content.
            held: The call that waits for it, durable with the job; a new job has the id that
                this says.
            lineage: What it is derived from, durable with the job.
            files: The tenant's files that came with it: its own as soon as it is there.
            chat: The message that shows it, durable with the job, and the request and the
                button that make it, which make no other; without idempotency and unique keys.

        Raises:
            InputError: ``input`` is wrong; each fault is named by its JSON pointer.
            UnknownModelError: No model server offers the model for this kind.
            IdempotencyConflictError: The key was used with another body.
            DuplicateJobError: An earlier job holds the request's unique key.
            BudgetExhaustedError: A budget of the tenant or the end user has no room for it.
            ChatQueueFullError: Who asks in a chat has as many unfinished jobs as they may.
            ChatPressedError: What the pressed button makes is under way, or done.
            DatabaseUnavailableError: PostgreSQL cannot be reached. Whether the job was
                accepted, or will be by a write under way, is unknown; with an idempotency key,
                or a call that is held, the same request sent again is the same job.
        """
        if chat is not None:
            return await self._open(tenant, request, chat, aside, (lineage, files))
        new, parameters = await self._drafter.draft(
            tenant, request, face=face, aside=aside, held=held
        )
        new = _derived(new, lineage, files)
        if idempotency_key is not None or schedule_id is not None:
            known = {"idempotency_key": idempotency_key, "request_hash": body_hash}
            new = replace(new, schedule_id=schedule_id, **known)
        while True:
            if request.unique is None:
                written = await self._write(new)
            else:
                placed = await self._unique_inserts.add(new, request)
                if placed.holder is not None:
                    return Submitted(placed.holder, replayed=False, found=True)
                written = placed.written or BudgetedJob(new, placed.created_at)
            if written.created_at is not None:
                JOBS_SUBMITTED.labels(lane_of(written.job).value, request.kind.value).inc()
                record = accepted_record(written.job, request, parameters, written.created_at)
                shown, slower = written.shown(record), written.downgraded
                return Submitted(shown, replayed=False, downgraded=slower)
            earlier = await self._earlier(tenant, idempotency_key or "", body_hash)
            if earlier is not None:
                return Submitted(earlier, replayed=True)

    async def chat_answered(self, heard: Command | Press) -> ChatOpened | None:
        """Return what the same request of a chat was answered; ``None``: it made no job yet.

        For what is dear to do twice, as fetching pictures: ``submit`` finds it as well.
        """
        return await self._chat_inserts.answered(heard)

    async def accepted_before(
        self, tenant: Tenant, idempotency_key: str, body_hash: bytes
    ) -> Submitted | None:
        """Return what the same call made before; ``None``: it is the first one.

        For doors that make their request of what may have changed since.

        Raises:
            IdempotencyConflictError: The key was used with another body.
        """
        earlier = await self._earlier(tenant, idempotency_key, body_hash)
        return None if earlier is None else Submitted(earlier, replayed=True)

    async def submit_many(
        self,
        tenant: Tenant,
        requests: Sequence[JobRequest | GenqError],
        *,
        whole: bool,
        call: Call | None = None,
    ) -> SubmittedMany:
        """Accept many jobs in one transaction: when this returns, all that it says is durable.

        Args:
            tenant: Whose jobs they are.
            requests: What the caller asked for; an error where the shape was wrong already.
            whole: One job that is not acceptable refuses all; nothing is written then.
            call: The idempotency key of all of them, if there is one.

        Raises:
            GenqError: ``whole``, and some jobs are not acceptable: an error of the first one's
                kind, with the place of each fault.
            IdempotencyConflictError: The key was used with another body.
            DatabaseUnavailableError: PostgreSQL cannot be reached. Whether the jobs were
                accepted is unknown; with an idempotency key, the same call sent again is the
                same jobs.
        """
        return await self._bulk_inserts.add(tenant, requests, whole=whole, call=call)

    async def draft(
        self,
        tenant: Tenant,
        request: JobRequest,
        *,
        typed: str | None = None,
        message: Mapping[str, Any] = NOTHING,
    ) -> NewJob:
        """Return the job that ``submit`` would write, for whoever writes more along with it.

        Args:
            tenant: Whose job it is.
            request: What is asked for.
            typed: The prompt with its flags, of a job that is repeated without them.
            message: As ``Drafter.draft`` has it.
        """
        return (await self._drafter.draft(tenant, request, typed=typed, message=message))[0]

    async def prices(self, model: str, kind: Kind) -> list[Price]:
        """Return the prices at which a model is offered now, by settings and route."""
        return await self._drafter.prices(model, kind)

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._inserts.close()
        await self._budgeted_inserts.close()
        await self._chat_inserts.close()
        if self._rings:
            await asyncio.wait(self._rings)

    async def _open(
        self,
        tenant: Tenant,
        request: JobRequest,
        chat: ChatOpening,
        aside: Mapping[str, Any],
        origin: tuple[Lineage | None, Sequence[UUID]],
    ) -> Submitted:
        new, parameters = await self._drafter.draft(
            tenant, request, face=CHAT_FACE, aside=aside, message=chat.webhook
        )
        new = _derived(new, *origin)
        placed = await self._chat_inserts.add(ChatJob(new, request, parameters, chat))
        opened, written = placed.opened, placed.written
        if written is not None:
            JOBS_SUBMITTED.labels(lane_of(written.job).value, request.kind.value).inc()
        record = opened.job or queued_record(new, chat.heard.received_at)
        downgraded = written is not None and written.downgraded
        return Submitted(record, opened.repeated, downgraded=downgraded, chat=opened)

    async def _write(self, new: NewJob) -> BudgetedJob:
        if new.money is None:
            return BudgetedJob(new, await self._inserts.add(new))
        written = await self._budgeted_inserts.add(new)
        if written.refusal is not None:
            raise written.refusal
        if written.created_at is not None:
            self._ring(*rings_of([new]))
        return written

    async def _insert(self, jobs: Sequence[NewJob]) -> Sequence[datetime | None]:
        whole = any(job.whole for job in jobs)
        async with transaction(self._whole if whole else self._statements) as connection:
            created = await insert_jobs(
                connection, jobs, idempotency_ttl=self._settings.idempotency_ttl
            )
        if created:
            self._ring(*rings_of(jobs))
        return [created.get(job.id) for job in jobs]

    def _ring(self, *rings: Ring) -> None:
        """Ring beside the answer, not before it: the caller need not wait for Valkey."""
        for ring in rings:
            task = asyncio.create_task(self._doorbells.ring(ring.channel, ring.message))
            self._rings.add(task)
            task.add_done_callback(self._rings.discard)

    async def _earlier(self, tenant: Tenant, key: str, body_hash: bytes) -> JobRecord | None:
        async with transaction(self._engine) as connection:
            known = await known_key(connection, tenant.id, key)
            if known is None:
                return None
            if known.expired:
                await forget_key(connection, tenant.id, key)
                return None
            refuse_other_body(known.request_hash, body_hash)
            job = await get_job(connection, tenant.id, known.job_id)
            if job is None:
                # Retention dropped the job before the key's time was over.
                await forget_key(connection, tenant.id, key)
            return job


def _derived(new: NewJob, lineage: Lineage | None, files: Sequence[UUID]) -> NewJob:
    return replace(new, lineage=lineage, files=tuple(files)) if lineage or files else new
