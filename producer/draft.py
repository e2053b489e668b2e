"""From a request to a job that can be inserted: checked, dated, priced. Nothing is written."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.http.outbound_policy import policy_of
from infra.job_events import announcement
from infra.new_ids import new_key
from infra.postgres.engine import transaction
from infra.postgres.held_calls import Held
from infra.postgres.pools import ensure_pool
from infra.postgres.submit import NewJob
from infra.postgres.tenants import Tenant
from infra.route_book import RouteBook
from infra.settings import Settings
from infra.telemetry.tracing import TRACING, traceparent
from producer.check_input import check_input
from producer.input_rules import check_rules
from producer.moderation import SubmitChecks
from producer.permission import check_permitted
from producer.prompt_flags import read_flags, typed_prompt
from producer.required_tags import TagRules
from schemas.cache import CacheMode
from schemas.chat import of_chat_url
from schemas.cost import estimate, money
from schemas.errors import FieldError, InputError, UnknownModelError
from schemas.events import hears
from schemas.generation import Kind
from schemas.job import NATIVE, JobRequest
from schemas.lanes import Lane
from schemas.model_catalog import Price, default_model, prices_of, servers_of
from schemas.webhooks import Hears

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Drafter:
    """Makes jobs of requests, by the same rules for every door."""

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        clock: Clock,
        checks: SubmitChecks | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._policy = policy_of(settings)
        self._max_prompt_chars = settings.max_prompt_chars
        self._clock = clock
        self._checks = checks
        self._routes = RouteBook(engine, settings, clock)
        self._tags = TagRules(self._routes)
        self._pools: dict[str, int] = {}
        self._asked: dict[str, asyncio.Task[int]] = {}

    async def draft(
        self,
        tenant: Tenant,
        request: JobRequest,
        *,
        face: str = NATIVE,
        aside: Mapping[str, Any] = NOTHING,
        held: Held | None = None,
        typed: str | None = None,
        message: Mapping[str, Any] = NOTHING,
    ) -> tuple[NewJob, Mapping[str, Any]]:
        """Return the job to insert, and its model parameters as they were checked.

        Args:
            tenant: Whose job it is.
            request: What was asked for, of the right shape.
            face: The door that it comes in by.
            aside: What that door keeps with it, in the clear.
            held: The call that waits for it, and which id it has then.
            typed: The prompt with its flags, if the request says what they said already.
            message: The message in a chat that hears of it: ``ChatOpening.webhook``.

        Raises:
            InputError: Something in the request is wrong; each fault has its JSON pointer.
            UnknownModelError: No model server offers the model for this kind.
            NoPermittedServerError: No server of the model carries the tags that it insists on.
            PermissionDeniedError: The tenant's plan does not allow the model, kind or lane.
            TenantSuspendedError: The tenant may have nothing.
            DatabaseUnavailableError: The model is new to this process, and PostgreSQL is away.
        """
        asked, request = request, read_flags(request, self._settings.model_servers)
        parameters = check_input(request)
        check_rules(
            request,
            parameters,
            self._policy,
            max_prompt_chars=self._max_prompt_chars,
            picture_http=self._settings.picture_http,
        )
        model = self._model(request)
        check_permitted(tenant, request, model)
        await self._tags.check(tenant, request, model)
        pool = await self._pool(model)
        payload = _payload(tenant, request, parameters, face, aside)
        payload |= _told(tenant, message or _own_webhook(request))
        typed = typed_prompt(asked, parameters) or typed
        if typed is not None:
            payload["typed"] = typed
        new = self._new_job(
            tenant, request, model=model, pool=pool, parameters=parameters, payload=payload
        )
        if held is not None:
            new = replace(new, id=held.job_id, held=held)
        if tenant.budgeted:
            new = await self._priced(new, tenant, request, parameters)
        if self._checks is not None:
            new = await self._checks.checked(tenant, request, new, parameters)
        return new, parameters

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
        pool: int,
        parameters: Mapping[str, Any],
        payload: Mapping[str, Any],
    ) -> NewJob:
        cost = estimate(request.kind, parameters)
        run_at = self._instant(request.run_at)
        return NewJob(
            id=new_key(),
            tenant_id=tenant.id,
            lane=request.lane.number,
            kind=request.kind.number,
            priority=request.priority,
            model=model,
            pool=pool,
            end_user=request.end_user,
            labels=orjson.dumps(request.metadata).decode() if request.metadata else None,
            tags=request.tags or None,
            payload=orjson.dumps(payload).decode(),
            weight=tenant.weight,
            max_inflight=tenant.max_inflight,
            run_at=run_at,
            start_by=self._start_by(run_at, request.start_timeout),
            deadline=self._deadline(run_at, request.deadline),
            cost=cost.units,
            images=cost.images,
            tokens=cost.tokens,
            deadline_given=request.deadline is not None,
            announce=announcement(payload, self._settings.public_url),
        )

    async def prices(self, model: str, kind: Kind) -> list[Price]:
        """Return the prices at which a model is offered, as its route says by now."""
        members = (await self._routes.fresh()).members(model, kind)
        return prices_of([member.server for member in members], model, kind)

    async def _priced(
        self, new: NewJob, tenant: Tenant, request: JobRequest, parameters: Mapping[str, Any]
    ) -> NewJob:
        prices = await self.prices(new.model, request.kind)
        return replace(
            new,
            money=money(prices, parameters, images=new.images, tokens=new.tokens),
            slowest_lane=max(lane.number for lane in tenant.allowed_lanes or Lane),
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
        if number is not None:
            return number
        # One question for all who ask at once: the first jobs of a process come together, and
        # would otherwise take every connection for the same answer.
        asked = self._asked.get(model)
        if asked is None:
            asked = self._asked[model] = asyncio.create_task(self._ask(model))
            asked.add_done_callback(lambda _: self._asked.pop(model, None))
        return await asyncio.shield(asked)

    async def _ask(self, model: str) -> int:
        async with transaction(self._engine) as connection:
            number = self._pools[model] = await ensure_pool(connection, model)
        return number


def _payload(
    tenant: Tenant,
    request: JobRequest,
    parameters: Mapping[str, Any],
    face: str,
    aside: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what is kept of a job until it ends; what most jobs do not have is left out."""
    payload: dict[str, Any] = {"input": parameters}
    if face != NATIVE:
        payload["face"] = face
    if aside:
        payload["aside"] = dict(aside)
    if request.deadline is not None:
        # What waits for people gets the time back, unless its caller set an end to it.
        payload["own_deadline"] = True
    cache = request.cache if tenant.cache else CacheMode.OFF
    if cache is not CacheMode.AUTO:
        payload["cache"] = cache.value
    if request.requires is not None and request.requires.tags:
        payload["requires"] = list(request.requires.tags)
    if request.channels:
        payload["channels"] = list(request.channels)
    if TRACING.tracer is not None and (parent := traceparent()) is not None:
        payload["traceparent"] = parent
    return payload


def _told(tenant: Tenant, webhook: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a payload says of who hears of the job."""
    told: dict[str, Any] = {"webhook": webhook} if webhook else {}
    heard = tenant.hears | hears(webhook.get("events", ()))
    if webhook and of_chat_url(webhook["url"]):
        heard |= Hears.CHAT
    return told | {"hears": int(heard)} if heard else told


def _own_webhook(request: JobRequest) -> Mapping[str, Any]:
    webhook = request.webhook
    return {"url": webhook.url, "events": list(webhook.events)} if webhook else NOTHING
