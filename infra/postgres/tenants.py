"""Tenants, as a request or a schedule needs to know them."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Executable, Row, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.generation import BY_NUMBER as KINDS
from schemas.generation import Kind
from schemas.lanes import BY_NUMBER as LANES
from schemas.lanes import Lane
from schemas.scopes import OWN_TENANT, KeyScope
from schemas.tables.tenants import tenant
from schemas.webhooks import HEARS_NOTHING, Hears

STANDARD_SAFETY: Final = "standard"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose jobs they are, and their share.

    Attributes:
        weight: Share among the tenants of a lane; 1000 is one ordinary share.
        max_inflight: The most jobs released or running at once in one lane.
        webhook_secret: Signs every webhook of the tenant.
        allowed_models: What its jobs may name; ``None`` is everything that is configured. The
            same holds for kinds and lanes.
        safety_level: How strictly its prompts and pictures are judged.
        calls_per_minute: Of the API; ``None`` is the installation's default.
        budgeted: It has budgets: its submits reserve, and the ends of its jobs settle.
        suspended: None of its keys works, and nothing new of it is accepted.
        hears: What its endpoints want to hear of jobs before their end.
        required_tags: What a model server must carry to get its jobs.
        cache: Its jobs may be given the answers of earlier ones.
    """

    id: int
    name: str
    weight: int
    max_inflight: int
    webhook_secret: str = field(repr=False)
    allowed_models: frozenset[str] | None = None
    allowed_kinds: frozenset[Kind] | None = None
    allowed_lanes: frozenset[Lane] | None = None
    safety_level: str = STANDARD_SAFETY
    calls_per_minute: int | None = None
    budgeted: bool = False
    suspended: bool = False
    hears: Hears = HEARS_NOTHING
    required_tags: frozenset[str] = frozenset()
    cache: bool = True


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a tenant, by one of its keys.

    Attributes:
        key_prefix: The first characters of the key, which may be shown.
        scopes: What the key may do.
        portal: The one endpoint that it leads to, if it is a portal link's token; ``key_id``
            is that endpoint's then.
    """

    tenant: Tenant
    key_id: UUID
    key_prefix: str = ""
    scopes: frozenset[KeyScope] = field(default=OWN_TENANT)
    portal: UUID | None = None

    @property
    def actor(self) -> str:
        """Who acts, as the audit log tells it."""
        what = "key" if self.portal is None else "portal link"
        return f"{what} {self.key_prefix}"


TENANT_COLUMNS: Final = (
    tenant.c.id,
    tenant.c.name,
    tenant.c.weight,
    tenant.c.max_inflight,
    tenant.c.webhook_secret,
    tenant.c.allowed_models,
    tenant.c.allowed_kinds,
    tenant.c.allowed_lanes,
    tenant.c.safety_level,
    tenant.c.calls_per_minute,
    tenant.c.budgeted,
    tenant.c.suspended_at,
    tenant.c.hears,
    tenant.c.required_tags,
    tenant.c.cache,
)


async def get_tenant(connection: AsyncConnection, tenant_id: int) -> Tenant:
    """Return a tenant that is there: another row refers to it."""
    found = await _one(connection, select(*TENANT_COLUMNS).where(tenant.c.id == tenant_id))
    if found is None:
        raise LookupError(f"there is no tenant {tenant_id}")
    return found


async def named_tenant(connection: AsyncConnection, name: str) -> Tenant | None:
    """Return the tenant called ``name``, if there is one."""
    return await _one(connection, select(*TENANT_COLUMNS).where(tenant.c.name == name))


async def ensure_tenant(
    connection: AsyncConnection, name: str, *, max_inflight: int, webhook_secret: str
) -> Tenant:
    """Return the tenant called ``name``, created if there is none yet."""
    await connection.execute(
        upsert(tenant)
        .values(name=name, max_inflight=max_inflight, webhook_secret=webhook_secret)
        .on_conflict_do_nothing(index_elements=[tenant.c.name])
    )
    found = await _one(connection, select(*TENANT_COLUMNS).where(tenant.c.name == name))
    if found is None:
        raise LookupError(f"tenant {name!r} was deleted meanwhile")
    return found


def tenant_of_row(row: Row[Any]) -> Tenant:
    """Return the tenant in a row of ``TENANT_COLUMNS``."""
    models, kinds, lanes = row.allowed_models, row.allowed_kinds, row.allowed_lanes
    return Tenant(
        id=row.id,
        name=row.name,
        weight=row.weight,
        max_inflight=row.max_inflight,
        webhook_secret=row.webhook_secret,
        allowed_models=None if models is None else frozenset(models),
        # Numbers of a newer release allow nothing here.
        allowed_kinds=None
        if kinds is None
        else frozenset(KINDS[n] for n in kinds if n in KINDS),
        allowed_lanes=None
        if lanes is None
        else frozenset(LANES[n] for n in lanes if n in LANES),
        safety_level=row.safety_level,
        calls_per_minute=row.calls_per_minute,
        budgeted=row.budgeted,
        suspended=row.suspended_at is not None,
        hears=Hears(row.hears),
        required_tags=frozenset(row.required_tags or ()),
        cache=row.cache,
    )


async def _one(connection: AsyncConnection, query: Executable) -> Tenant | None:
    row: Row[Any] | None = (await connection.execute(query)).one_or_none()
    return None if row is None else tenant_of_row(row)
