"""Everything that is sealed, page by page: for a change of the key that seals."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhook_endpoint import (
    auth_place,
    headers_place,
    secret_place,
    tenant_secret_place,
)


@dataclass(frozen=True, slots=True)
class SealedValue:
    """One value, and where it stands.

    Attributes:
        id: Of the row.
        column: Of the row: ``sealed``, ``headers`` or ``auth``.
        place: What it was sealed for.
    """

    id: UUID
    column: str
    place: str
    sealed: bytes = field(repr=False)


_SECRETS: Final = text("""
SELECT id, tenant_id, endpoint_id, sealed FROM webhook_secret
WHERE (CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid)) ORDER BY id LIMIT :limit
""")

_ENDPOINTS: Final = text("""
SELECT id, headers, auth FROM webhook_endpoint
WHERE (headers IS NOT NULL OR auth IS NOT NULL)
  AND (CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid)) ORDER BY id LIMIT :limit
""")

# Whoever changed it meanwhile sealed it with the newest key.
_REPLACE: Final = {
    "sealed": text("UPDATE webhook_secret SET sealed = :new WHERE id = :id AND sealed = :old"),
    "headers": text(
        "UPDATE webhook_endpoint SET headers = :new WHERE id = :id AND headers = :old"
    ),
    "auth": text("UPDATE webhook_endpoint SET auth = :new WHERE id = :id AND auth = :old"),
}


async def sealed_secrets(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> list[SealedValue]:
    """Return the sealed values of secrets, in the order of their ids."""
    rows = await connection.execute(_SECRETS, {"after": after, "limit": limit})
    return [SealedValue(row.id, "sealed", _place(row), bytes(row.sealed)) for row in rows]


async def sealed_endpoints(
    connection: AsyncConnection, *, after: UUID | None, limit: int
) -> list[SealedValue]:
    """Return the sealed values of ``limit`` endpoints, in the order of their ids."""
    rows = await connection.execute(_ENDPOINTS, {"after": after, "limit": limit})
    return [value for row in rows for value in _of_endpoint(row)]


async def replace_sealed(
    connection: AsyncConnection, value: SealedValue, sealed: bytes
) -> bool:
    """Write what was sealed anew; false: somebody changed it meanwhile."""
    values = {"id": value.id, "old": value.sealed, "new": sealed}
    return (await connection.execute(_REPLACE[value.column], values)).rowcount == 1


def _place(row: Any) -> str:
    if row.endpoint_id is None:
        return tenant_secret_place(row.tenant_id)
    return secret_place(row.endpoint_id)


def _of_endpoint(row: Any) -> Iterator[SealedValue]:
    if row.headers is not None:
        yield SealedValue(row.id, "headers", headers_place(row.id), bytes(row.headers))
    if row.auth is not None:
        yield SealedValue(row.id, "auth", auth_place(row.id), bytes(row.auth))
