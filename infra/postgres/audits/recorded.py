"""What an audit after a run asks with what the run itself has recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MISSING: Final = text("""
SELECT x.id FROM unnest(CAST(:ids AS uuid[])) AS x(id)
WHERE NOT EXISTS (SELECT 1 FROM job j WHERE j.id = x.id) LIMIT 100
""")

_STARTS: Final = text("""
SELECT a.job_id, a.fence, a.started_at, j.tenant_id, j.pool
FROM attempt a JOIN job j ON j.id = a.job_id
WHERE a.job_id >= :since AND a.started_at >= :begun AND a.started_at < :ended
ORDER BY a.started_at
""")

_ENDS: Final = text("""
SELECT id, finished_at FROM job
WHERE id = ANY (CAST(:ids AS uuid[])) AND final_state IN (13, 14)
""")


@dataclass(frozen=True, slots=True)
class Start:
    """An attempt that ended: when it had started, exactly, by PostgreSQL's clock."""

    job_id: UUID
    fence: int
    at: datetime
    tenant_id: int
    pool: int


async def missing_jobs(connection: AsyncConnection, accepted: Sequence[UUID]) -> list[UUID]:
    """Return those of the jobs, whose submits were answered, that do not exist."""
    return list((await connection.execute(_MISSING, {"ids": list(accepted)})).scalars())


async def starts_between(
    connection: AsyncConnection, since: UUID, begun: datetime, ended: datetime
) -> list[Start]:
    """Return the starts of all attempts of jobs from ``since`` on that have ended meanwhile."""
    rows = await connection.execute(_STARTS, {"since": since, "begun": begun, "ended": ended})
    return [Start(r.job_id, r.fence, r.started_at, r.tenant_id, r.pool) for r in rows]


async def late_calls(
    connection: AsyncConnection, calls: Mapping[UUID, Sequence[datetime]]
) -> list[UUID]:
    """Return the cancelled or expired jobs for which a model server was called afterwards.

    Args:
        connection: Any connection.
        calls: When a model server received a call for a job, by PostgreSQL's clock.
    """
    rows = await connection.execute(_ENDS, {"ids": list(calls)})
    return [row.id for row in rows if max(calls[row.id]) > row.finished_at]
