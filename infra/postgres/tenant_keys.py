"""Data keys of tenants, as they are stored: wrapped by the installation's master key."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# A row of this very transaction may yet be undone: nobody may remember it.
_READ: Final = text("""
SELECT tenant_id, number, wrapped, retired_at IS NULL AS seals, created_at = now() AS unsure
FROM tenant_key WHERE tenant_id = ANY (CAST(:tenants AS bigint[])) ORDER BY tenant_id, number
""")

_ADD: Final = text("""
INSERT INTO tenant_key (tenant_id, number, wrapped) VALUES (:tenant_id, :number, :wrapped)
ON CONFLICT DO NOTHING
""")

_RETIRE: Final = text("""
UPDATE tenant_key SET retired_at = now()
WHERE tenant_id = :tenant_id AND number < :number AND retired_at IS NULL
""")

_TENANTS: Final = text("""
SELECT DISTINCT tenant_id FROM tenant_key WHERE tenant_id > :after
ORDER BY tenant_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One data key.

    Attributes:
        wrapped: Sealed for ``key_place``.
        seals: New content may be sealed with it.
        unsure: This transaction made it.
    """

    tenant_id: int
    number: int
    wrapped: bytes = field(repr=False)
    seals: bool
    unsure: bool


def key_place(tenant_id: int, number: int) -> str:
    """Return what a tenant's data key is sealed for."""
    return f"tenant:{tenant_id}:key:{number}"


async def read_tenant_keys(
    connection: AsyncConnection, tenants: Collection[int]
) -> list[StoredKey]:
    """Return all keys of these tenants."""
    rows = await connection.execute(_READ, {"tenants": sorted(tenants)})
    return [
        StoredKey(row.tenant_id, row.number, bytes(row.wrapped), row.seals, row.unsure)
        for row in rows
    ]


async def add_tenant_key(
    connection: AsyncConnection, tenant_id: int, number: int, wrapped: bytes
) -> bool:
    """Keep a data key; false: there is one of this number."""
    values = {"tenant_id": tenant_id, "number": number, "wrapped": wrapped}
    return (await connection.execute(_ADD, values)).rowcount == 1


async def retire_keys_before(connection: AsyncConnection, tenant_id: int, number: int) -> int:
    """Seal nothing more with older keys, which go on opening; return how many these were."""
    values = {"tenant_id": tenant_id, "number": number}
    return (await connection.execute(_RETIRE, values)).rowcount


async def tenants_with_keys(
    connection: AsyncConnection, *, after: int, limit: int
) -> list[int]:
    """Return tenants that have data keys, in the order of their ids."""
    rows = await connection.execute(_TENANTS, {"after": after, "limit": limit})
    return list(rows.scalars())
