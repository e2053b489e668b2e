"""The one way in: every door hands its request to ``Submitter.submit``."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock, SystemClock
from infra.doorbells import READY, WAKE, Doorbells, Ring
from infra.group_commit import GroupCommit
from infra.http.outbound import OutboundPolicy
from infra.new_ids import new_key
from infra.postgres.engine import single_statements, transaction
from infra.postgres.pools import ensure_pool
from infra.postgres.read_jobs import get_job
from infra.postgres.submit import NewJob, forget_key, insert_jobs, known_key
from infra.postgres.tenants import Tenant
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_SUBMITTED
from producer.accepted import accepted_record
from producer.check_input import check_input
from producer.unique_submit import UniqueInserts
from schemas.cost import estimate
from schemas.errors import (
    FieldError,
    IdempotencyConflictError,
    InputError,
    OutboundRefusedError,
    UnknownModelError,
)
from schemas.job import JobRecord, JobRequest
from schemas.model_catalog import default_model, servers_of

_PATIENCE: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted job; ``replayed`` if the idempotency key had accepted it before.

    ``found``: the job is an earlier one, which holds the unique key of the request.
    """

    job: JobRecord
    replayed: bool
    found: bool = False


class Submitter:
    """Checks requests and writes jobs, many callers' jobs in one statement."""

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        doorbells: Doorbells,
        clock: Clock | None = None,
    ) -> None:
        self._engine = engine
        self._statements = single_statements(engine)
        self._settings = settings
        self._doorbells = doorbells
        self._policy = OutboundPolicy(settings.outbound_allow)
        self._clock = clock or SystemClock()
        self._pools: dict[str, int] = {}
        self._rings: set[asyncio.Task[None]] = set()
        self._inserts = GroupCommit[NewJob, datetime | None](
            self._insert, name="submit", patience=_PATIENCE
        )
        self._unique_inserts = UniqueInserts(engine, settings, self._ring)

    async def submit(
        self,
        tenant: Tenant,
        request: JobRequest,
        *,
        idempotency_key: str | None = None,
        body_hash: bytes = b"",
        schedule_id: UUID | None = None,
    ) -> Submitted:
        """Accept a job: when this returns, it is durable.

        Args:
            tenant: Whose job it is.
            request: What the caller asked for, already of the right shape.
            idempotency_key: The same key with the same body is the same job.
            body_hash: A digest of the body, to tell another body under the same key.
            schedule_id: The schedule that the job is one of.

        Raises:
            InputError: ``input`` is wrong; each fault is named by its JSON pointer.
            UnknownModelError: No model server offers the model for this kind.
            IdempotencyConflictError: The key was used with another body.
            DuplicateJobError: An earlier job holds the request's unique key.
            DatabaseUnavailableError: PostgreSQL cannot be reached; nothing was accepted, or,
                with an idempotency key, the same request can be sent again.
        """
        new, parameters = await self._draft(tenant, request)
        new = replace(
            new,
            idempotency_key=idempotency_key,
            request_hash=body_hash,
            schedule_id=schedule_id,
        )
        while True:
            if request.unique is None:
                created_at = await self._inserts.add(new)
            else:
                placed = await self._unique_inserts.add(new, request)
                if placed.holder is not None:
                    return Submitted(placed.holder, replayed=False, found=True)
                created_at = placed.created_at
            if created_at is not None:
                JOBS_SUBMITTED.labels(request.lane.value, request.kind.value).inc()
                record = accepted_record(new, request, parameters, created_at)
                return Submitted(record, replayed=False)
            earlier = await self._earlier(tenant, idempotency_key or "", body_hash)
            if earlier is not None:
                return Submitted(earlier, replayed=True)

    async def draft(self, tenant: Tenant, request: JobRequest) -> NewJob:
        """Return the job that ``submit`` would write, for whoever writes more along with it."""
        return (await self._draft(tenant, request))[0]

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._inserts.close()
        if self._rings:
            await asyncio.wait(self._rings)

    async def _draft(
        self, tenant: Tenant, request: JobRequest
    ) -> tuple[NewJob, Mapping[str, Any]]:
        parameters = check_input(request)
        self._check_receiver(request)
        model = self._model(request)
        new = self._new_job(tenant, request, model=model, parameters=parameters)
        return replace(new, pool=await self._pool(model)), parameters

    def _check_receiver(self, request: JobRequest) -> None:
        """Refuse now what delivery would refuse later; a name is judged when it is dialled."""
        if request.webhook is None:
            return
        try:
            self._policy.check_url(request.webhook.url)
        except OutboundRefusedError as error:
            raise InputError(
                f"webhook.url: {error.message}",
                fields=[FieldError("/webhook/url", error.message)],
            ) from None

    def _model(self, request: JobRequest) -> str:
        servers = self._settings.model_servers
        model = request.model or default_model(servers, request.kind)
        if model is None:
            raise UnknownModelError(
                f"no model server is configured for kind {request.kind.value}",
                fields=[FieldError("/kind", "no model of this kind")],
            )
        if not servers_of(servers, model, request.kind):
            offered = sorted(
                {m.name for s in servers for m in s.models if m.kind is request.kind}
            )
            message = (
                f"no model {model!r} for kind {request.kind.value}; there is "
                + ", ".join(offered or ["none"])
            )
            raise UnknownModelError(message, fields=[FieldError("/model", message)])
        return model

    def _new_job(
        self,
        tenant: Tenant,
        request: JobRequest,
        *,
        model: str,
        parameters: Mapping[str, Any],
    ) -> NewJob:
        webhook = request.webhook
        payload: dict[str, Any] = {"input": parameters}
        if webhook is not None:
            payload["webhook"] = {"url": webhook.url, "events": list(webhook.events)}
        cost = estimate(request.kind, parameters)
        run_at = self._instant(request.run_at)
        return NewJob(
            id=new_key(),
            tenant_id=tenant.id,
            lane=request.lane.number,
            kind=request.kind.number,
            priority=request.priority,
            model=model,
            end_user=request.end_user,
            labels=orjson.dumps(request.metadata).decode() if request.metadata else None,
            payload=orjson.dumps(payload).decode(),
            weight=tenant.weight,
            max_inflight=tenant.max_inflight,
            run_at=run_at,
            start_by=self._start_by(run_at, request.start_timeout),
            deadline=self._deadline(run_at, request.deadline),
            cost=cost.units,
            images=cost.images,
            tokens=cost.tokens,
        )

    def _instant(self, when: datetime | float | None) -> datetime | None:
        if when is None or isinstance(when, datetime):
            return when
        return self._clock.now() + timedelta(seconds=when)

    def _start_by(self, run_at: datetime | None, timeout: float | None) -> datetime | None:
        """Reckon from when the job may run at all."""
        if timeout is None:
            return None
        return max(run_at or self._clock.now(), self._clock.now()) + timedelta(seconds=timeout)

    def _deadline(self, run_at: datetime | None, asked: datetime | float | None) -> datetime:
        given = self._instant(asked)
        now = self._clock.now()
        if given is None:
            return max(run_at or now, now) + self._settings.default_deadline
        if given <= now or (run_at is not None and given <= run_at):
            what = "has passed" if given <= now else "is not after run_at"
            raise InputError(f"deadline {what}", fields=[FieldError("/deadline", what)])
        return given

    async def _pool(self, model: str) -> int:
        """Return the number of the model's pool; asked of PostgreSQL once per process."""
        number = self._pools.get(model)
        if number is None:
            async with transaction(self._engine) as connection:
                number = self._pools[model] = await ensure_pool(connection, model)
        return number

    async def _insert(self, jobs: Sequence[NewJob]) -> Sequence[datetime | None]:
        async with transaction(self._statements) as connection:
            created = await insert_jobs(
                connection, jobs, idempotency_ttl=self._settings.idempotency_ttl
            )
        if created:
            self._ring(Ring(WAKE, READY))
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
            if known.request_hash != body_hash:
                raise IdempotencyConflictError(
                    "this Idempotency-Key was used with another body; send the same body, or"
                    " another key"
                )
            job = await get_job(connection, tenant.id, known.job_id)
            if job is None:
                # Retention dropped the job before the key's time was over.
                await forget_key(connection, tenant.id, key)
            return job
