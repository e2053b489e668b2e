"""What an operator watches beside the counts that metrics ask for: lanes and throughput."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.service_rates import HORIZON
from schemas.lanes import BY_NUMBER, Lane


@dataclass(frozen=True, slots=True)
class LanePace:
    """How fast a lane starts jobs of late, and since when an operator holds it back."""

    lane: Lane
    started_per_second: float
    paused_at: datetime | None


@dataclass(frozen=True, slots=True)
class Written:
    """Rows that were ever written, by PostgreSQL's own count, and its clock in seconds.

    The difference of two looks is a rate; a server that restarted after a crash counts anew.
    """

    at: float
    jobs: int
    attempts: int
    deliveries: int


# Rates fade with the same constant with which they grow.
_PACE: Final = text("""
SELECT c.lane, c.paused_at, COALESCE((
  SELECT sum(r.jobs_per_second * exp(LEAST(0, EXTRACT(epoch FROM r.measured_at - now())
    / EXTRACT(epoch FROM CAST(:horizon AS interval)))))
  FROM service_rate r WHERE r.lane = c.lane), 0) AS per_second
FROM lane_clock c ORDER BY c.lane
""")

_WRITTEN: Final = text("""
SELECT EXTRACT(epoch FROM clock_timestamp()) AS at,
  COALESCE(sum(n) FILTER (WHERE name = 'job'), 0) AS jobs,
  COALESCE(sum(n) FILTER (WHERE name = 'attempt'), 0) AS attempts,
  COALESCE(sum(n) FILTER (WHERE name = 'delivery_attempt'), 0) AS deliveries
FROM (
  SELECT c.relname AS name, pg_stat_get_tuples_inserted(i.inhrelid) AS n
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent
  WHERE c.relname IN ('job', 'attempt', 'delivery_attempt')
    AND c.relnamespace = CAST(current_schema() AS regnamespace)) x
""")


async def lane_paces(connection: AsyncConnection) -> list[LanePace]:
    """Return every lane, the most urgent first."""
    rows = await connection.execute(_PACE, {"horizon": HORIZON})
    return [LanePace(BY_NUMBER[row.lane], float(row.per_second), row.paused_at) for row in rows]


async def rows_written(connection: AsyncConnection) -> Written:
    """Return how many jobs, attempts and deliveries were ever written."""
    row = (await connection.execute(_WRITTEN)).one()
    return Written(float(row.at), int(row.jobs), int(row.attempts), int(row.deliveries))
