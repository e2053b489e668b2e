"""API keys of every tenant, as operators look for them: by id, or by how they begin."""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FIND: Final = text("""
SELECT id, tenant_id FROM api_key
WHERE id = CAST(:id AS uuid) OR (CAST(:id AS uuid) IS NULL AND prefix = :prefix)
ORDER BY id LIMIT :limit
""")

_MOST: Final = 10


async def find_owners(
    connection: AsyncConnection, *, key_id: UUID | None = None, prefix: str = ""
) -> list[tuple[int, UUID]]:
    """Return tenant and id of the key with this id, or of the keys that begin so; a few."""
    values = {"id": key_id, "prefix": prefix, "limit": _MOST}
    rows = await connection.execute(_FIND, values)
    return [(row.tenant_id, row.id) for row in rows]
