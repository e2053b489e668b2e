"""Recoveries: asked for, listed, stopped."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhook_recovery import Only, Recovery

_COLUMNS: Final = """
id, tenant_id, endpoint_id, since, until, only_, sample, cursor, looked, queued, created_at,
finished_at, stopped_at, error
"""
_OF: Final = f"""
SELECT {_COLUMNS} FROM webhook_recovery
WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id
"""
_ADD: Final = text(f"""
INSERT INTO webhook_recovery (tenant_id, endpoint_id, since, until, only_, sample)
VALUES (:tenant_id, :endpoint_id, :since, LEAST(CAST(:until AS timestamptz), now()), :only,
  :sample)
RETURNING {_COLUMNS}
""")
_LIST: Final = text(f"""
{_OF} AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
ORDER BY id DESC LIMIT :limit
""")
_GET: Final = text(f"{_OF} AND id = :id")
_UNFINISHED: Final = text(f"{_OF} AND finished_at IS NULL LIMIT 1")
_STOP: Final = text(f"""
UPDATE webhook_recovery SET stopped_at = now(), finished_at = now()
WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id AND id = :id
  AND finished_at IS NULL
RETURNING {_COLUMNS}
""")


async def insert_recovery(
    connection: AsyncConnection,
    tenant_id: int,
    endpoint_id: UUID,
    *,
    since: datetime,
    until: datetime | None,
    only: Only,
    sample: int | None,
) -> Recovery:
    """Ask for a recovery; it reaches no further than this instant."""
    values = {
        "tenant_id": tenant_id,
        "endpoint_id": endpoint_id,
        "since": since,
        "until": until,
        "only": only.value,
        "sample": sample,
    }
    return recovery_of_row((await connection.execute(_ADD, values)).one())


async def list_recoveries(
    connection: AsyncConnection,
    tenant_id: int,
    endpoint_id: UUID,
    *,
    limit: int,
    before: UUID | None = None,
) -> list[Recovery]:
    """Return an endpoint's recoveries, newest first, asked for before ``before``."""
    values = _key(tenant_id, endpoint_id) | {"limit": limit, "before": before}
    return [recovery_of_row(row) for row in await connection.execute(_LIST, values)]


async def get_recovery(
    connection: AsyncConnection, tenant_id: int, endpoint_id: UUID, recovery_id: UUID
) -> Recovery | None:
    """Return one recovery of an endpoint."""
    values = _key(tenant_id, endpoint_id) | {"id": recovery_id}
    row = (await connection.execute(_GET, values)).one_or_none()
    return None if row is None else recovery_of_row(row)


async def unfinished_recovery(
    connection: AsyncConnection, tenant_id: int, endpoint_id: UUID
) -> Recovery | None:
    """Return the recovery of an endpoint that is under way."""
    row = (await connection.execute(_UNFINISHED, _key(tenant_id, endpoint_id))).one_or_none()
    return None if row is None else recovery_of_row(row)


async def stop_recovery(
    connection: AsyncConnection, tenant_id: int, endpoint_id: UUID, recovery_id: UUID
) -> Recovery | None:
    """End a recovery where it is; ``None`` if it is over, or there is none such."""
    values = _key(tenant_id, endpoint_id) | {"id": recovery_id}
    row = (await connection.execute(_STOP, values)).one_or_none()
    return None if row is None else recovery_of_row(row)


def _key(tenant_id: int, endpoint_id: UUID) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "endpoint_id": endpoint_id}


def recovery_of_row(row: Row[Any]) -> Recovery:
    """Return the recovery in a row that has every column of the table."""
    return Recovery(
        id=row.id,
        tenant_id=row.tenant_id,
        endpoint_id=row.endpoint_id,
        since=row.since,
        until=row.until,
        only=Only(row.only_),
        sample=row.sample,
        cursor=row.cursor,
        looked=row.looked,
        queued=row.queued,
        created_at=row.created_at,
        finished_at=row.finished_at,
        stopped_at=row.stopped_at,
        error=row.error,
    )
