"""Where jobs came from: the ``traceparent`` of their submit. Asked only while traces are on."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The bounds on the partition key let PostgreSQL leave out all partitions but the jobs' own.
_PARENTS: Final = text("""
SELECT job_id, body ->> 'traceparent' AS parent FROM payload
WHERE job_id = ANY(CAST(:ids AS uuid[])) AND job_id BETWEEN :low AND :high
  AND body ->> 'traceparent' IS NOT NULL
""")


async def traceparents(
    connection: AsyncConnection, job_ids: Collection[UUID]
) -> dict[UUID, str]:
    """Return the stored ``traceparent`` of each of these jobs that has one."""
    if not job_ids:
        return {}
    rows = await connection.execute(
        _PARENTS, {"ids": list(job_ids), "low": min(job_ids), "high": max(job_ids)}
    )
    return {row.job_id: row.parent for row in rows}
