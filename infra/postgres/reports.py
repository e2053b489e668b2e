"""What users say of results; of one job at most one item waits for an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# "rp"; see infra.postgres.audit_log.
_LOCK_CLASS: Final = 0x7270


@dataclass(frozen=True, slots=True)
class JobReport:
    """What somebody said of a job; ``note`` is sealed, or gone."""

    id: UUID
    category: str
    note: bytes | None = field(repr=False)
    item_id: UUID | None
    created_at: datetime


_LOCK: Final = text("SELECT pg_advisory_xact_lock(:class, hashtext(CAST(:job_id AS text)))")
_OPEN: Final = text("""
SELECT id FROM review_item
WHERE tenant_id = :tenant_id AND job_id = :job_id AND origin = 'report' AND state = 0
ORDER BY id LIMIT 1
""")
_ADD: Final = text("""
INSERT INTO job_report (id, tenant_id, job_id, category, reporter, note, item_id)
VALUES (:id, :tenant_id, :job_id, :category, :reporter, :note, :item_id) RETURNING created_at
""")
_OF_JOB: Final = text("""
SELECT id, category, note, item_id, created_at FROM job_report
WHERE tenant_id = :tenant_id AND job_id = :job_id ORDER BY id LIMIT :limit
""")


async def lock_reports(
    connection: AsyncConnection, tenant_id: int, job_id: UUID
) -> UUID | None:
    """Wait for who else reports the job now; return the item that is open for it already."""
    await connection.execute(_LOCK, {"class": _LOCK_CLASS, "job_id": job_id})
    values = {"tenant_id": tenant_id, "job_id": job_id}
    return (await connection.execute(_OPEN, values)).scalar_one_or_none()


async def add_report(
    connection: AsyncConnection,
    *,
    key: UUID,
    tenant_id: int,
    job_id: UUID,
    category: str,
    reporter: bytes | None,
    note: bytes | None,
    item_id: UUID,
) -> datetime:
    """Keep what somebody said; return when."""
    values = {
        "id": key,
        "tenant_id": tenant_id,
        "job_id": job_id,
        "category": category,
        "reporter": reporter,
        "note": note,
        "item_id": item_id,
    }
    return (await connection.execute(_ADD, values)).scalar_one()


async def reports_of(
    connection: AsyncConnection, tenant_id: int, job_id: UUID, *, limit: int
) -> Sequence[JobReport]:
    """Return what was said of a tenant's job, first things first."""
    values = {"tenant_id": tenant_id, "job_id": job_id, "limit": limit}
    return [
        JobReport(
            row.id,
            row.category,
            bytes(row.note) if row.note is not None else None,
            row.item_id,
            row.created_at,
        )
        for row in await connection.execute(_OF_JOB, values)
    ]
