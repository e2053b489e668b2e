"""Tenants and their API keys."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Executable, Row, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.tables.tenants import api_key, tenant


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose jobs they are, and their share.

    Attributes:
        weight: Share among the tenants of a lane; 1000 is one ordinary share.
        max_inflight: The most jobs released or running at once in one lane.
        webhook_secret: Signs every webhook of the tenant.
    """

    id: int
    name: str
    weight: int
    max_inflight: int
    webhook_secret: str


_COLUMNS: Final = (
    tenant.c.id,
    tenant.c.name,
    tenant.c.weight,
    tenant.c.max_inflight,
    tenant.c.webhook_secret,
)


async def tenant_of_digest(connection: AsyncConnection, digest: bytes) -> Tenant | None:
    """Return whose unrevoked key has this digest."""
    return await _one(
        connection,
        select(*_COLUMNS)
        .join(api_key, api_key.c.tenant_id == tenant.c.id)
        .where(api_key.c.digest == digest, api_key.c.revoked_at.is_(None)),
    )


async def get_tenant(connection: AsyncConnection, tenant_id: int) -> Tenant:
    """Return a tenant that is there: another row refers to it."""
    found = await _one(connection, select(*_COLUMNS).where(tenant.c.id == tenant_id))
    if found is None:
        raise LookupError(f"there is no tenant {tenant_id}")
    return found


async def ensure_tenant(
    connection: AsyncConnection, name: str, *, max_inflight: int, webhook_secret: str
) -> Tenant:
    """Return the tenant called ``name``, created if there is none yet."""
    await connection.execute(
        upsert(tenant)
        .values(name=name, max_inflight=max_inflight, webhook_secret=webhook_secret)
        .on_conflict_do_nothing(index_elements=[tenant.c.name])
    )
    found = await _one(connection, select(*_COLUMNS).where(tenant.c.name == name))
    if found is None:
        raise LookupError(f"tenant {name!r} was deleted meanwhile")
    return found


async def add_key(
    connection: AsyncConnection, tenant_id: int, *, name: str, prefix: str, digest: bytes
) -> UUID:
    """Store a key's digest and return the key's id."""
    row = await connection.execute(
        insert(api_key)
        .values(tenant_id=tenant_id, name=name, prefix=prefix, digest=digest)
        .returning(api_key.c.id)
    )
    return row.scalar_one()


async def _one(connection: AsyncConnection, query: Executable) -> Tenant | None:
    row: Row[Any] | None = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return Tenant(row.id, row.name, row.weight, row.max_inflight, row.webhook_secret)
