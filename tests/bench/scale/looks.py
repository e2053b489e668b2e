"""What a look at one queued job costs, deep in the backlog."""

import time
from statistics import median

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import single_statements, transaction
from infra.postgres.read_jobs import get_job

_DEEPEST = text(
    "SELECT job_id, tenant_id FROM live WHERE tenant_id = 1 ORDER BY job_id DESC LIMIT 1"
)
_TIMES = 40


async def look_costs(engine: AsyncEngine) -> dict[str, float]:
    """Return milliseconds per look, by what is looked at."""
    async with transaction(engine) as connection:
        job = (await connection.execute(_DEEPEST)).one()
    reads: list[float] = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        async with transaction(single_statements(engine)) as connection:
            await get_job(connection, job.tenant_id, job.job_id)
        reads.append(1000 * (time.perf_counter() - began))
    return {"look at a queued job, ms": median(reads)}
