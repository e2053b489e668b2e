"""Legal holds: what neither retention nor an erasure may take."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.privacy import LegalHold

_COLUMNS: Final = """h.id, h.tenant_id, h.subject, h.job_id, h.reason, h.placed_by, h.placed_at,
  h.released_by, h.released_at"""

_PLACE: Final = text("""
INSERT INTO legal_hold (tenant_id, subject, job_id, reason, placed_by)
VALUES (:tenant_id, :subject, :job_id, :reason, :placed_by) RETURNING id, placed_at
""")

_RELEASE: Final = text(f"""
UPDATE legal_hold h SET released_at = now(), released_by = :by
WHERE id = :id AND released_at IS NULL
  AND tenant_id = COALESCE(CAST(:tenant_id AS bigint), tenant_id) RETURNING {_COLUMNS}
""")

_ACTIVE: Final = text(f"""
SELECT {_COLUMNS} FROM legal_hold h
WHERE tenant_id = ANY (CAST(:tenants AS bigint[])) AND released_at IS NULL ORDER BY id
""")

_LIST: Final = text(f"""
SELECT {_COLUMNS}, t.name AS tenant FROM legal_hold h JOIN tenant t ON t.id = h.tenant_id
WHERE (CAST(:tenant_id AS bigint) IS NULL OR h.tenant_id = :tenant_id)
  AND (CAST(:everything AS boolean) OR h.released_at IS NULL)
ORDER BY h.id DESC LIMIT :limit
""")

_EVIDENCE: Final = text("""
SELECT id FROM safety_evidence
WHERE tenant_id = :tenant_id AND subject = :subject AND held ORDER BY id LIMIT :limit
""")


async def place_hold(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    subject: bytes | None,
    job_id: UUID | None,
    reason: str,
    placed_by: str,
) -> LegalHold:
    """Keep a person's content, a job's, or all of a tenant's."""
    values = {
        "tenant_id": tenant_id,
        "subject": subject,
        "job_id": job_id,
        "reason": reason,
        "placed_by": placed_by,
    }
    made = (await connection.execute(_PLACE, values)).one()
    return LegalHold(
        made.id, tenant_id, subject, job_id, reason, placed_by, made.placed_at, None, None
    )


async def release_hold(
    connection: AsyncConnection, hold_id: UUID, *, by: str, tenant_id: int | None = None
) -> LegalHold | None:
    """End a hold, of this tenant or of any; ``None`` if there is none such in force."""
    values = {"id": hold_id, "by": by, "tenant_id": tenant_id}
    row = (await connection.execute(_RELEASE, values)).one_or_none()
    return None if row is None else _hold(row)


async def holds_in_force(
    connection: AsyncConnection, tenants: Collection[int]
) -> list[LegalHold]:
    """Return what may not be taken of these tenants."""
    rows = await connection.execute(_ACTIVE, {"tenants": sorted(tenants)})
    return [_hold(row) for row in rows]


async def list_holds(
    connection: AsyncConnection, tenant_id: int | None, *, everything: bool, limit: int
) -> list[tuple[str, LegalHold]]:
    """Return holds with the names of their tenants, newest first; ``None``: of all tenants.

    ``everything``: with those that were released.
    """
    values = {"tenant_id": tenant_id, "everything": everything, "limit": limit}
    return [(row.tenant, _hold(row)) for row in await connection.execute(_LIST, values)]


async def held_evidence(
    connection: AsyncConnection, tenant_id: int, subject: bytes, *, limit: int
) -> list[UUID]:
    """Return a person's evidence that is kept whatever happens."""
    values = {"tenant_id": tenant_id, "subject": subject, "limit": limit}
    return list((await connection.execute(_EVIDENCE, values)).scalars())


def _hold(row: Row[Any]) -> LegalHold:
    placed: datetime = row.placed_at
    return LegalHold(
        row.id,
        row.tenant_id,
        None if row.subject is None else bytes(row.subject),
        row.job_id,
        row.reason,
        row.placed_by,
        placed,
        row.released_by,
        row.released_at,
    )
