"""Plans of tenants: looked at, and changed so that the change holds at once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.doorbells import READY, WAKE, Doorbells
from infra.postgres.engine import transaction
from infra.postgres.limits import Limit
from infra.postgres.remaining import LaneStanding, Remaining, lane_standings, remaining
from infra.postgres.tenant_plans import (
    TenantPlan,
    apply_plan,
    change_plan,
    find_plan,
    lock_plan,
    measure_anew,
    suspend_tenant,
)
from infra.postgres.tenants import ensure_tenant
from infra.sealing import Sealer
from producer.dispatcher.accounts import tenant_budget
from producer.operator.holding import SETTLE_SECONDS
from producer.operator.targets import unknown_tenant
from producer.webhooks.secrets import new_secret
from producer.webhooks.tenant_secret import rotate_secret
from schemas.errors import FieldError, NotFoundError
from schemas.queue_errors import NameTakenError
from schemas.tenant_plan import OF_RELEASES, RATES, PlanChange


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did: the plan as it is now, and per field what it was and is.

    Attributes:
        webhook_secret: Of a tenant that was made just now.
    """

    plan: TenantPlan
    fields: Mapping[str, tuple[Any, Any]]
    webhook_secret: str | None = field(default=None, repr=False)

    @property
    def created(self) -> bool:
        """Whether there was no such tenant before."""
        return self.webhook_secret is not None


@dataclass(frozen=True, slots=True)
class Created:
    """A tenant that has a new webhook secret."""

    plan: TenantPlan
    webhook_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """A tenant's plan, what is left of its limits, and how it stands in every lane.

    Attributes:
        left: By the limit's name, such as ``images_per_minute``.
    """

    plan: TenantPlan
    left: Mapping[str, Remaining]
    lanes: tuple[LaneStanding, ...]


async def find(connection: AsyncConnection, name: str) -> TenantPlan:
    """Return a tenant's plan.

    Raises:
        NotFoundError: There is none of this name; close ones are told.
    """
    plan = await find_plan(connection, name)
    if plan is None:
        raise await unknown_tenant(connection, name)
    return plan


async def look(connection: AsyncConnection, name: str) -> Standing:
    """Return how a tenant stands.

    Raises:
        NotFoundError: There is none of this name; close ones are told.
    """
    plan = await find(connection, name)
    limits = tenant_budget(plan.id, plan.limits).limits
    found = await remaining(connection, list(limits.values()))
    left = {f"{unit}_per_minute": found[limit.key] for unit, limit in limits.items()}
    return Standing(plan, left, tuple(await lane_standings(connection, plan.id)))


async def change(
    engine: AsyncEngine,
    doorbells: Doorbells,
    name: str,
    wanted: PlanChange,
    *,
    create_with: int | None = None,
) -> Changed:
    """Change a tenant's plan; from the next release on it holds.

    Args:
        engine: PostgreSQL.
        doorbells: Wakes the dispatchers.
        name: Of the tenant.
        wanted: What is to be different.
        create_with: Make the tenant if there is none, with this ``max_inflight`` unless
            ``wanted`` names one.

    Raises:
        NotFoundError: There is none of this name, and none is to be made.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        secret = None if create_with is None else await _create(connection, name, create_with)
        before = await lock_plan(connection, name)
        if before is None:
            raise _or_create(name, await unknown_tenant(connection, name))
        after = changed(before, wanted)
        await change_plan(connection, after)
        await measure_anew(connection, _limits(after))
        if secret is not None:
            await _record(connection, "tenant.created", after)
        if difference := _difference(before, after):
            await _record(connection, "tenant.changed", after, difference)
    if wanted.model_fields_set and not wanted.model_fields_set & OF_RELEASES:
        # It counts when a call comes in: nothing that waits goes by it.
        return Changed(after, _difference(before, after), secret)
    # The flows come after the commit: they are locked before tenants, everywhere.
    await _apply(engine, after)
    await doorbells.ring(WAKE, READY)
    # A dispatcher that read the plan just before it changed parks by it, or reserves.
    await asyncio.sleep(SETTLE_SECONDS)
    if await _apply(engine, after):
        await doorbells.ring(WAKE, READY)
    return Changed(after, _difference(before, after), secret)


async def create(
    engine: AsyncEngine, name: str, wanted: PlanChange, *, max_inflight: int
) -> Created:
    """Make a tenant.

    Args:
        engine: PostgreSQL.
        name: By which operators know it.
        wanted: Its plan, as far as it is not the usual one.
        max_inflight: Unless ``wanted`` names one.

    Raises:
        NameTakenError: There is one of this name.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        secret = await _create(connection, name, max_inflight)
        plan = await lock_plan(connection, name)
        if secret is None or plan is None:
            message = f"there is a tenant {name!r} already"
            raise NameTakenError(message, fields=[FieldError("/name", "is taken")])
        made = changed(plan, wanted)
        await change_plan(connection, made)
        await _record(connection, "tenant.created", made, _difference(plan, made))
    return Created(made, secret)


async def suspend(engine: AsyncEngine, name: str, *, suspended: bool) -> TenantPlan:
    """Let none of a tenant's keys work, or all again; its jobs go on.

    Raises:
        NotFoundError: There is none of this name.
    """
    async with transaction(engine) as connection:
        plan = await suspend_tenant(connection, name, suspended=suspended)
        if plan is None:
            raise await unknown_tenant(connection, name)
        await _record(connection, "tenant.suspended" if suspended else "tenant.resumed", plan)
        return plan


async def rotate_webhook_secret(
    engine: AsyncEngine, sealer: Sealer, name: str, *, grace_seconds: int
) -> Created:
    """Sign a tenant's webhooks with a new secret from the next attempt on.

    Args:
        engine: PostgreSQL.
        sealer: Seals the former secret.
        name: Of the tenant.
        grace_seconds: For how long the former secrets sign beside it.

    Raises:
        NotFoundError: There is none of this name.
    """
    async with transaction(engine) as connection:
        plan = await lock_plan(connection, name)
        if plan is None:
            raise await unknown_tenant(connection, name)
        secret = await rotate_secret(connection, sealer, plan.id, grace_seconds=grace_seconds)
        await _record(connection, "tenant.webhook_secret_rotated", plan)
        return Created(plan, secret.newest)


async def _record(
    connection: AsyncConnection,
    action: str,
    plan: TenantPlan,
    fields: Mapping[str, tuple[Any, Any]] | None = None,
) -> None:
    detail = {name: list(change) for name, change in (fields or {}).items()}
    await record(connection, plan.id, action, f"tenant {plan.name}", detail)


def changed(plan: TenantPlan, wanted: PlanChange) -> TenantPlan:
    """Return the plan with what was asked for."""
    told = wanted.model_dump(exclude_unset=True)
    rates = {name: told.pop(name) for name in RATES if name in told}
    limits = {name: rate for name, rate in {**plan.limits, **rates}.items() if rate is not None}
    return replace(plan, limits=limits, **told)


async def _create(connection: AsyncConnection, name: str, max_inflight: int) -> str | None:
    """Make a tenant, if there is none of this name, and return its webhook secret."""
    if await find_plan(connection, name) is not None:
        return None
    secret = new_secret()
    made = await ensure_tenant(
        connection, name, max_inflight=max_inflight, webhook_secret=secret
    )
    # Somebody else may have made it since we looked.
    return secret if made.webhook_secret == secret else None


async def _apply(engine: AsyncEngine, plan: TenantPlan) -> int:
    async with transaction(engine) as connection:
        await measure_anew(connection, _limits(plan))
    async with transaction(engine) as connection:
        return await apply_plan(connection, plan.id)


def _limits(plan: TenantPlan) -> list[Limit]:
    return list(tenant_budget(plan.id, plan.limits).limits.values())


def _or_create(name: str, error: NotFoundError) -> NotFoundError:
    return NotFoundError(f"{error.message}\nnext: add --create to make tenant {name!r}")


def _difference(before: TenantPlan, after: TenantPlan) -> dict[str, tuple[Any, Any]]:
    was, now = plan_fields(before), plan_fields(after)
    return {name: (was[name], now[name]) for name in now if was[name] != now[name]}


def plan_fields(plan: TenantPlan) -> dict[str, Any]:
    """Return the fields of a ``PlanChange`` as they are, in JSON types."""
    allowed = (plan.allowed_models, plan.allowed_kinds, plan.allowed_lanes)
    models, kinds, lanes = (None if one is None else list(map(str, one)) for one in allowed)
    return {
        "weight": plan.weight,
        "max_inflight": plan.max_inflight,
        "max_inflight_total": plan.max_inflight_total,
        **{name: plan.limits.get(name) for name in RATES},
        "calls_per_minute": plan.calls_per_minute,
        "plan": plan.plan,
        "allowed_models": models,
        "allowed_kinds": kinds,
        "allowed_lanes": lanes,
        "safety_level": plan.safety_level.value,
        "required_tags": list(plan.required_tags) if plan.required_tags else None,
    }
