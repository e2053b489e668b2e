"""What the doctor asks of PostgreSQL beside the auditor's rules. Each question is bounded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.partitions import partition_name, week_of
from schemas import lanes
from schemas.lanes import Lane
from schemas.tables.metadata import PARTITIONED

MOST: Final = 10_000
"""Where the doctor stops counting."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What PostgreSQL says of itself.

    Attributes:
        pooled: Something like PgBouncer stands between: the connection's backend is not the
            one that the driver was told of.
        now: Its clock.
        processes: genq's processes that are connected, by name: ``dispatch``, ``work``…
    """

    version: int
    in_recovery: bool
    pooled: bool
    connections: int
    max_connections: int
    now: datetime
    processes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lane's backlog: how many jobs are ready, and the one that has waited longest."""

    lane: Lane
    ready: int
    oldest: UUID
    tenant_id: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Releases:
    """A lane's jobs that are released and not started; ``overdue_seconds`` of the oldest."""

    lane: Lane
    jobs: int
    overdue_seconds: float


@dataclass(frozen=True, slots=True)
class Owed:
    """Deliveries that are late by a minute or more, and dead letters; at most ``MOST`` each.

    What waits for a receiver that is down, disabled, or asked to wait is not late.
    """

    late: int
    latest_seconds: float
    dead: int


_SERVER: Final = text("""
SELECT CAST(current_setting('server_version_num') AS int) AS version,
  CAST(current_setting('max_connections') AS int) AS max_connections,
  pg_is_in_recovery() AS in_recovery, pg_backend_pid() AS pid,
  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
  clock_timestamp() AS now
""")
_PROCESSES: Final = text("""
SELECT substr(application_name, 6) AS name, count(*) AS connections FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'genq %' GROUP BY 1
""")
_TABLES: Final = text("""
SELECT x.name FROM unnest(CAST(:names AS text[])) AS x(name) WHERE to_regclass(x.name) IS NULL
""")
_WAITING: Final = text("""
SELECT w.lane, w.ready, w.oldest, l.tenant_id,
  EXTRACT(epoch FROM now() - uuid_extract_timestamp(w.oldest)) AS seconds
FROM (SELECT lane, count(*) AS ready, CAST(min(CAST(job_id AS text)) AS uuid) AS oldest
      FROM live WHERE state = 2 GROUP BY lane) w
JOIN live l ON l.job_id = w.oldest ORDER BY w.lane
""")
_RELEASES: Final = text("""
SELECT lane, count(*) AS jobs,
  GREATEST(0, EXTRACT(epoch FROM now() - min(lease_until))) AS overdue_seconds
FROM live WHERE state = 3 GROUP BY lane ORDER BY lane
""")
_OWED: Final = text("""
WITH due AS (
  SELECT d.next_at FROM (
    SELECT lane_id, endpoint_id, next_at FROM delivery
    WHERE next_at < now() - interval '1 minute' ORDER BY next_at LIMIT :most) d
  LEFT JOIN webhook_lane l ON l.id = d.lane_id
  LEFT JOIN webhook_endpoint e ON e.id = d.endpoint_id
  WHERE e.disabled_at IS NULL AND (l.blocked_until IS NULL OR l.blocked_until <= now())),
-- So many may wait for receivers that are down that nothing else is seen before them.
asleep AS (
  SELECT next_due_at FROM webhook_lane
  WHERE next_due_at < now() - interval '1 minute'
    AND (lease_until IS NULL OR lease_until <= now()) ORDER BY next_due_at LIMIT :most)
SELECT GREATEST((SELECT count(*) FROM due), (SELECT count(*) FROM asleep)) AS late,
  COALESCE(EXTRACT(epoch FROM now() - LEAST(
    (SELECT min(next_at) FROM due), (SELECT min(next_due_at) FROM asleep))), 0)
    AS latest_seconds,
  (SELECT count(*) FROM (
    SELECT 1 FROM job WHERE final_state = 12 AND redriven_by IS NULL LIMIT :most) y) AS dead
""")


async def server_facts(connection: AsyncConnection) -> ServerFacts:
    """Return what the server says of itself, and who is connected."""
    row = (await connection.execute(_SERVER)).one()
    processes = await connection.execute(_PROCESSES)
    raw: Any = (await connection.get_raw_connection()).driver_connection
    return ServerFacts(
        version=row.version,
        in_recovery=row.in_recovery,
        pooled=raw is not None and raw.info.backend_pid != row.pid,
        connections=row.connections,
        max_connections=row.max_connections,
        now=row.now,
        processes={p.name: p.connections for p in processes},
    )


async def missing_partitions(
    connection: AsyncConnection, now: datetime, ahead: timedelta
) -> list[str]:
    """Return the partitions that jobs submitted from now until ``ahead`` would need."""
    weeks = {week_of(now), week_of(now + ahead)}
    names = [partition_name(table, week) for table in PARTITIONED for week in sorted(weeks)]
    return list((await connection.execute(_TABLES, {"names": names})).scalars())


async def waiting_jobs(connection: AsyncConnection) -> list[Waiting]:
    """Return the lanes that have ready jobs; reads every live row once."""
    rows = await connection.execute(_WAITING)
    return [
        Waiting(lanes.BY_NUMBER[r.lane], r.ready, r.oldest, r.tenant_id, float(r.seconds))
        for r in rows
    ]


async def releases(connection: AsyncConnection) -> list[Releases]:
    """Return the lanes with jobs that are released and not started."""
    rows = await connection.execute(_RELEASES)
    return [Releases(lanes.BY_NUMBER[r.lane], r.jobs, float(r.overdue_seconds)) for r in rows]


async def owed(connection: AsyncConnection) -> Owed:
    """Return what receivers are owed and what waits for an operator."""
    row = (await connection.execute(_OWED, {"most": MOST})).one()
    return Owed(row.late, float(row.latest_seconds), row.dead)
