"""What probes and metrics ask of PostgreSQL."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas import lanes
from schemas.job_states import JobState
from schemas.lanes import Lane


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many unfinished jobs a lane has in a state, and how long the oldest has waited."""

    lane: Lane
    state: JobState
    jobs: int
    oldest_seconds: float


_REVISION: Final = text("SELECT version_num FROM alembic_version")
_HAS_REVISION: Final = text("SELECT to_regclass('alembic_version') IS NOT NULL")

# A UUIDv7 carries its milliseconds, so the age of the oldest job needs no look into the ledger.
_BACKLOG: Final = text("""
SELECT lane, state, count(*) AS jobs,
  COALESCE(EXTRACT(EPOCH FROM now() - uuid_extract_timestamp(
    (min(CAST(job_id AS text)))::uuid)), 0) AS oldest
FROM live GROUP BY lane, state
""")


async def probe(connection: AsyncConnection) -> None:
    """Ask PostgreSQL for a sign of life."""
    await connection.execute(text("SELECT 1"))


async def schema_revision(connection: AsyncConnection) -> str | None:
    """Return the migration that the schema stands at, or ``None`` for an empty database."""
    if not (await connection.execute(_HAS_REVISION)).scalar_one():
        return None
    return (await connection.execute(_REVISION)).scalar_one_or_none()


async def backlog(connection: AsyncConnection) -> list[Backlog]:
    """Return the unfinished jobs by lane and state."""
    rows = await connection.execute(_BACKLOG)
    return [
        Backlog(lanes.BY_NUMBER[r.lane], JobState(r.state), r.jobs, float(r.oldest))
        for r in rows
    ]
