"""Endpoints that disable themselves by what they answer, and who wants to be told of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhooks import DisabledReason


@dataclass(frozen=True, slots=True)
class Disabling:
    """An endpoint that is to be disabled.

    Attributes:
        revision: What was sent to. An endpoint that was changed since is judged anew.
    """

    endpoint_id: UUID
    tenant_id: int
    revision: int
    reason: DisabledReason


# In the order of ids, as everybody locks them. Whoever comes second changes nothing.
_DISABLE: Final = text("""
UPDATE webhook_endpoint e SET disabled_at = now(), disabled_reason = x.reason,
  revision = e.revision + 1, updated_at = now()
FROM (
  SELECT w.id, v.reason FROM webhook_endpoint w JOIN unnest(
    CAST(:ids AS uuid[]), CAST(:tenants AS bigint[]), CAST(:revisions AS bigint[]),
    CAST(:reasons AS text[])) AS v(id, tenant_id, revision, reason)
    ON v.id = w.id AND v.tenant_id = w.tenant_id AND v.revision = w.revision
  WHERE w.disabled_at IS NULL ORDER BY w.id FOR NO KEY UPDATE OF w) x
WHERE e.id = x.id
RETURNING e.id
""")

_LISTENING: Final = text("""
SELECT DISTINCT e.tenant_id, t.type FROM webhook_endpoint e
JOIN unnest(CAST(:tenants AS bigint[]), CAST(:types AS text[])) AS t(tenant_id, type)
  ON t.tenant_id = e.tenant_id
WHERE e.disabled_at IS NULL
  AND e.event_types && ARRAY[t.type, split_part(t.type, '.', 1) || '.*']
""")

_NAMES: Final = text("""
SELECT id, name FROM webhook_endpoint
WHERE tenant_id = ANY(CAST(:tenants AS bigint[])) AND id = ANY(CAST(:ids AS uuid[]))
""")


async def disable_endpoints(
    connection: AsyncConnection, disablings: Sequence[Disabling]
) -> Sequence[UUID]:
    """Disable endpoints; what is owed to them waits.

    Returns:
        Those that were enabled, and unchanged since they were sent to. However many processes
        see an endpoint fail, one of them is told of it.
    """
    found = await connection.execute(
        _DISABLE,
        {
            "ids": [one.endpoint_id for one in disablings],
            "tenants": [one.tenant_id for one in disablings],
            "revisions": [one.revision for one in disablings],
            "reasons": [one.reason.value for one in disablings],
        },
    )
    return found.scalars().all()


async def who_listens(
    connection: AsyncConnection, wanted: Collection[tuple[int, str]]
) -> set[tuple[int, str]]:
    """Return of which types ``(tenant, type)`` an enabled endpoint wants to hear."""
    values = {"tenants": [one[0] for one in wanted], "types": [one[1] for one in wanted]}
    return {(row.tenant_id, row.type) for row in await connection.execute(_LISTENING, values)}


async def endpoint_names(
    connection: AsyncConnection, wanted: Collection[tuple[int, UUID]]
) -> dict[UUID, str]:
    """Return the names of endpoints ``(tenant, endpoint)``; deleted ones are missing."""
    values = {"tenants": [one[0] for one in wanted], "ids": [one[1] for one in wanted]}
    rows = await connection.execute(_NAMES, values)
    return {row.id: row.name for row in rows}
