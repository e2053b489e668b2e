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
from infra.doorbells import READY, WAKE, Doorbells
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
from producer.check_input import check_input
from schemas.cost import estimate
from schemas.errors import (
    FieldError,
    IdempotencyConflictError,
    InputError,
    OutboundRefusedError,
    UnknownModelError,
)
from schemas.job import JobRecord, JobRequest
from schemas.job_states import JobState
from schemas.model_catalog import default_model, servers_of

_PATIENCE: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted job; ``replayed`` if the idempotency key had accepted it before."""

    job: JobRecord
    replayed: bool


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

    async def submit(
        self,
        tenant: Tenant,
        request: JobRequest,
        *,
        idempotency_key: str | None = None,
        body_hash: bytes = b"",
    ) -> Submitted:
        """Accept a job: when this returns, it is durable.

        Args:
            tenant: Whose job it is.
            request: What the caller asked for, already of the right shape.
            idempotency_key: The same key with the same body is the same job.
            body_hash: A digest of the body, to tell another body under the same key.

        Raises:
            InputError: ``input`` is wrong; each fault is named by its JSON pointer.
            UnknownModelError: No model server offers the model for this kind.
            IdempotencyConflictError: The key was used with another body.
            DatabaseUnavailableError: PostgreSQL cannot be reached; nothing was accepted, or,
                with an idempotency key, the same request can be sent again.
        """
        parameters = check_input(request)
        self._check_receiver(request)
        model = self._model(request)
        new = self._new_job(
            tenant,
            request,
            model=model,
            parameters=parameters,
            key=idempotency_key,
            body_hash=body_hash,
        )
        new = replace(new, pool=await self._pool(model))
        while True:
            created_at = await self._inserts.add(new)
            if created_at is not None:
                JOBS_SUBMITTED.labels(request.lane.value, request.kind.value).inc()
                return Submitted(
                    _record(
                        new.id,
                        tenant,
                        request,
                        model=model,
                        parameters=parameters,
                        created_at=created_at,
                        scheduled=new.run_at is not None and new.run_at > created_at,
                    ),
                    replayed=False,
                )
            earlier = await self._earlier(tenant, idempotency_key or "", body_hash)
            if earlier is not None:
                return Submitted(earlier, replayed=True)

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._inserts.close()
        if self._rings:
            await asyncio.wait(self._rings)

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
        key: str | None,
        body_hash: bytes,
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
            idempotency_key=key,
            request_hash=body_hash,
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
            # Beside the answer, not before it: the caller need not wait for Valkey.
            ring = asyncio.create_task(self._doorbells.ring(WAKE, READY))
            self._rings.add(ring)
            ring.add_done_callback(self._rings.discard)
        return [created.get(job.id) for job in jobs]

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


def _record(
    job_id: UUID,
    tenant: Tenant,
    request: JobRequest,
    *,
    model: str,
    parameters: Mapping[str, Any],
    created_at: datetime,
    scheduled: bool,
) -> JobRecord:
    return JobRecord(
        id=job_id,
        tenant_id=tenant.id,
        kind=request.kind,
        model=model,
        lane=request.lane,
        priority=request.priority,
        state=JobState.SCHEDULED if scheduled else JobState.READY,
        created_at=created_at,
        input=parameters,
        metadata=request.metadata,
        end_user=request.end_user,
        waiting_on="schedule" if scheduled else "lane",
    )
