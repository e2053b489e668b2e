"""Plans of tenants: looked at, and changed so that the change holds at once."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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
)
from infra.postgres.tenants import ensure_tenant
from producer.dispatcher.accounts import tenant_budget
from producer.operator.holding import SETTLE_SECONDS
from producer.operator.targets import unknown_tenant
from schemas.errors import NotFoundError
from schemas.signature import format_secret
from schemas.tenant_plan import RATES, PlanChange

_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did: the plan as it is now, and per field what it was and is.

    Attributes:
        created: There was no such tenant before.
    """

    plan: TenantPlan
    fields: Mapping[str, tuple[int | None, int | None]]
    created: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A tenant's plan, what is left of its limits, and how it stands in every lane.

    Attributes:
        left: By the limit's name, such as ``images_per_minute``.
    """

    plan: TenantPlan
    left: Mapping[str, Remaining]
    lanes: tuple[LaneStanding, ...]


async def look(connection: AsyncConnection, name: str) -> Standing:
    """Return how a tenant stands.

    Raises:
        NotFoundError: There is none of this name; close ones are told.
    """
    plan = await find_plan(connection, name)
    if plan is None:
        raise await unknown_tenant(connection, name)
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
        created = create_with is not None and await _create(connection, name, create_with)
        before = await lock_plan(connection, name)
        if before is None:
            raise _or_create(name, await unknown_tenant(connection, name))
        after = changed(before, wanted)
        await change_plan(connection, after)
        await measure_anew(connection, _limits(after))
    # The flows come after the commit: they are locked before tenants, everywhere.
    await _apply(engine, after)
    await doorbells.ring(WAKE, READY)
    # A dispatcher that read the plan just before it changed parks by it, or reserves.
    await asyncio.sleep(SETTLE_SECONDS)
    if await _apply(engine, after):
        await doorbells.ring(WAKE, READY)
    return Changed(after, _difference(before, after), created)


def changed(plan: TenantPlan, wanted: PlanChange) -> TenantPlan:
    """Return the plan with what was asked for."""
    told = wanted.model_dump(exclude_unset=True)
    rates = {name: told.pop(name) for name in RATES if name in told}
    limits = {name: rate for name, rate in {**plan.limits, **rates}.items() if rate is not None}
    return replace(plan, limits=limits, **told)


async def _create(connection: AsyncConnection, name: str, max_inflight: int) -> bool:
    if await find_plan(connection, name) is not None:
        return False
    secret = format_secret(secrets.token_bytes(_SECRET_BYTES))
    await ensure_tenant(connection, name, max_inflight=max_inflight, webhook_secret=secret)
    return True


async def _apply(engine: AsyncEngine, plan: TenantPlan) -> int:
    async with transaction(engine) as connection:
        await measure_anew(connection, _limits(plan))
    async with transaction(engine) as connection:
        return await apply_plan(connection, plan.id)


def _limits(plan: TenantPlan) -> list[Limit]:
    return list(tenant_budget(plan.id, plan.limits).limits.values())


def _or_create(name: str, error: NotFoundError) -> NotFoundError:
    return NotFoundError(f"{error.message}\nnext: add --create to make tenant {name!r}")


def _difference(
    before: TenantPlan, after: TenantPlan
) -> dict[str, tuple[int | None, int | None]]:
    was, now = _fields(before), _fields(after)
    return {name: (was[name], now[name]) for name in now if was[name] != now[name]}


def _fields(plan: TenantPlan) -> dict[str, int | None]:
    return {
        "weight": plan.weight,
        "max_inflight": plan.max_inflight,
        "max_inflight_total": plan.max_inflight_total,
        **{name: plan.limits.get(name) for name in RATES},
    }
