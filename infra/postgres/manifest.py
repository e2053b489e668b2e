"""What the ledger says of a job beside its own row: its attempts, and what is registered."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.job_moves import read_moves
from schemas.manifest import Registered, Written

_CHECKS: Final = text("""
SELECT a.checks FROM job j JOIN attempt a ON a.job_id = j.id
WHERE j.tenant_id = :tenant_id AND j.id = :job_id
ORDER BY a.fence DESC LIMIT 1
""")
# What an attempt registered that did not end the job is none of its artifacts.
_REGISTERED: Final = text("""
SELECT p.index AS place, p.manifest_id
FROM result r JOIN provenance_record p ON p.job_id = r.job_id AND p.fence = r.fence
WHERE p.tenant_id = :tenant_id AND r.job_id = :job_id AND p.index >= 0
ORDER BY p.index
""")


async def read_written(connection: AsyncConnection, tenant_id: int, job_id: UUID) -> Written:
    """Return what else is written of a tenant's job that has ended."""
    moves = (await read_moves(connection, [(job_id, tenant_id)])).get(job_id)
    values: dict[str, Any] = {"tenant_id": tenant_id, "job_id": job_id}
    checks = (await connection.execute(_CHECKS, values)).scalar_one_or_none()
    rows = await connection.execute(_REGISTERED, values)
    registered = [Registered(row.place, row.manifest_id) for row in rows]
    return Written(moves.ended if moves else (), checks, registered)
