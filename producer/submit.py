"""The one way in: every door hands its request to ``Submitter.submit``."""

import asyncio
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.doorbells import READY, WAKE, Doorbells
from infra.group_commit import GroupCommit
from infra.http.outbound import OutboundPolicy
from infra.new_ids import new_key
from infra.postgres.engine import single_statements, transaction
from infra.postgres.read_jobs import get_job
from infra.postgres.submit import NewJob, forget_key, insert_jobs, known_key
from infra.postgres.tenants import Tenant
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_SUBMITTED
from schemas.errors import (
    FieldError,
    IdempotencyConflictError,
    InputError,
    OutboundRefusedError,
    UnknownModelError,
)
from schemas.generation import INPUTS, refuse_repeated, wire_parameters
from schemas.job import JobRecord, JobRequest
from schemas.job_states import JobState
from schemas.model_catalog import default_model, servers_of

_PATIENCE: Final = timedelta(seconds=2)
# The character as JSON writes it; behind an odd backslash it is the text "\\u0000" instead.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted job; ``replayed`` if the idempotency key had accepted it before."""

    job: JobRecord
    replayed: bool


class Submitter:
    """Checks requests and writes jobs, many callers' jobs in one statement."""

    def __init__(self, engine: AsyncEngine, settings: Settings, doorbells: Doorbells) -> None:
        self._engine = engine
        self._statements = single_statements(engine)
        self._settings = settings
        self._doorbells = doorbells
        self._policy = OutboundPolicy(settings.outbound_allow)
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
        )

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


def check_input(request: JobRequest) -> Mapping[str, Any]:
    """Return the model parameters, checked for the job's kind.

    Raises:
        InputError: With one field error per fault, pointing into ``/input``.
    """
    shape = INPUTS[request.kind]
    try:
        parameters = wire_parameters(shape.model_validate(request.input))
    except ValidationError as error:
        faults = [
            FieldError(
                "/input" + "".join(f"/{_escape(str(part))}" for part in fault["loc"]),
                _explain(fault["type"], fault["msg"], fault["loc"], shape.model_fields),
            )
            for fault in error.errors(include_input=False, include_url=False)
        ]
        raise InputError(
            f"input is not valid for kind {request.kind.value}: "
            f"{faults[0].pointer}: {faults[0].message}",
            fields=faults,
        ) from None
    refuse_repeated(parameters.get("extra_body") or {}, request.kind)
    try:
        as_json = orjson.dumps(parameters)
    except orjson.JSONEncodeError:
        message = "input holds a number that does not fit into 64 bits; write it as a string"
        raise InputError(message, fields=[FieldError("/input", message)]) from None
    if _NUL.search(as_json):
        message = "input contains the character U+0000; remove it"
        raise InputError(message, fields=[FieldError("/input", message)])
    return parameters


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _explain(kind: str, message: str, place: tuple[Any, ...], known: Mapping[str, Any]) -> str:
    if kind != "extra_forbidden":
        return message
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    if close:
        return f"unknown parameter; did you mean {close[0]}?"
    return "unknown parameter; parameters of one model server go into extra_body"


def _record(
    job_id: UUID,
    tenant: Tenant,
    request: JobRequest,
    *,
    model: str,
    parameters: Mapping[str, Any],
    created_at: datetime,
) -> JobRecord:
    return JobRecord(
        id=job_id,
        tenant_id=tenant.id,
        kind=request.kind,
        model=model,
        lane=request.lane,
        priority=request.priority,
        state=JobState.READY,
        created_at=created_at,
        input=parameters,
        metadata=request.metadata,
        end_user=request.end_user,
        waiting_on="lane",
    )
