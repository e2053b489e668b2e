"""What metrics ask of PostgreSQL: how much there is of everything that can pile up.

Each look reads the hot tables once; the caller keeps the answer for a few seconds. Nothing here
is by tenant, but for the few whose names are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas import lanes
from schemas.batch import BatchStatus
from schemas.job_states import JobState
from schemas.lanes import Lane

ACTIVE_FOR: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class LaneState:
    """The unfinished jobs of a lane in one state.

    Attributes:
        oldest_seconds: Age of the oldest of them.
        running_seconds: How long the longest attempt runs; 0 if none does.
        overdue: How many still run a minute after their deadline.
    """

    lane: Lane
    state: JobState
    jobs: int
    oldest_seconds: float
    running_seconds: float
    overdue: int


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """Deliveries owed.

    Attributes:
        failed_before: Of them, those that failed at least once.
        oldest_due_seconds: How long one is due that nobody has taken up, although its receiver
            is neither down nor disabled, nor asked to wait.
        held_back: Of them, those whose receiver is one of that.
        oldest_seconds: Age of the oldest of all.
    """

    owed: int
    failed_before: int
    oldest_due_seconds: float
    held_back: int = 0
    oldest_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A session: its lanes, whether it drains, seconds since its last sign of life."""

    lanes: tuple[Lane, ...]
    draining: bool
    silent_seconds: float
    expired: bool


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """How full a tenant's own budget is. Numbers of unit and period are the table's."""

    tenant: str
    unit: int
    period: int
    ratio: float


# A UUIDv7 carries its milliseconds, so the age of the oldest job needs no look into the ledger.
_LANES: Final = text("""
SELECT lane, state, count(*) AS jobs,
  COALESCE(EXTRACT(EPOCH FROM now() - min(uuid_extract_timestamp(job_id))), 0) AS oldest,
  COALESCE(EXTRACT(EPOCH FROM now() - min(started_at) FILTER (WHERE state = 4)), 0) AS running,
  count(*) FILTER (WHERE state = 4 AND deadline < now() - interval '1 minute') AS overdue
FROM live GROUP BY lane, state
""")

_DELIVERIES: Final = text("""
SELECT count(*) AS owed, count(*) FILTER (WHERE attempt > 0) AS failed_before,
  count(*) FILTER (WHERE held) AS held_back,
  COALESCE(EXTRACT(EPOCH FROM now() - min(created_at)), 0) AS oldest,
  COALESCE(EXTRACT(EPOCH FROM now() - min(next_at) FILTER (
    WHERE next_at <= now() AND NOT held AND NOT taken)), 0) AS oldest_due
FROM (
  SELECT d.attempt, d.created_at, d.next_at,
    COALESCE(e.disabled_at IS NOT NULL OR l.blocked_until > now(), false) AS held,
    COALESCE(d.lease_until > now(), false) OR COALESCE(l.lease_until > now(), false) AS taken
  FROM delivery d
  LEFT JOIN webhook_lane l ON l.id = d.lane_id
  LEFT JOIN webhook_endpoint e ON e.id = d.endpoint_id) x
""")

_BATCHES: Final = text(f"""
SELECT status, count(*) AS batches FROM batch WHERE status < {BatchStatus.COMPLETED:d}
GROUP BY status
""")

_WORKERS: Final = text("""
SELECT lanes, draining, expires_at <= now() AS expired,
  GREATEST(EXTRACT(EPOCH FROM now() + :ttl - expires_at), 0) AS silent
FROM session
""")

# '*' is each end user that has no budget of its own.
_USED: Final = """
SELECT u.tenant_id, u.end_user, u.unit, u.period,
  CAST(u.spent + u.reserved AS double precision) / NULLIF(b.amount, 0) AS ratio
FROM budget_use u JOIN budget b
  ON b.tenant_id = u.tenant_id AND b.unit = u.unit AND b.period = u.period
  AND (b.end_user = u.end_user OR (b.end_user = '*' AND u.end_user <> '' AND NOT EXISTS (
    SELECT 1 FROM budget own WHERE own.tenant_id = u.tenant_id AND own.end_user = u.end_user
      AND own.unit = u.unit AND own.period = u.period)))
WHERE u.starts_on = CAST(date_trunc(
  CASE u.period WHEN 1 THEN 'day' ELSE 'month' END, now() AT TIME ZONE 'UTC') AS date)
"""

_NEAR: Final = text(f"""
SELECT count(*) FILTER (WHERE ratio >= 0.8) AS eighty,
  count(*) FILTER (WHERE ratio >= 1) AS full
FROM ({_USED}) used
""")

_TENANT_BUDGETS: Final = text(f"""
SELECT t.name, used.unit, used.period, used.ratio FROM ({_USED}) used
JOIN tenant t ON t.id = used.tenant_id
WHERE used.end_user = '' AND used.ratio IS NOT NULL AND t.name = ANY(CAST(:names AS text[]))
""")

_TENANT_JOBS: Final = text("""
SELECT t.name, l.state, count(*) AS jobs FROM live l JOIN tenant t ON t.id = l.tenant_id
WHERE t.name = ANY(CAST(:names AS text[])) GROUP BY t.name, l.state
""")

# The bound on the partition key is one on time.
_ACTIVE: Final = text("""
SELECT count(*) FROM (
  SELECT DISTINCT tenant_id, end_user FROM job
  WHERE id >= CAST(:since AS uuid) AND end_user IS NOT NULL) users
""")
_SINCE: Final = text("SELECT uuidv7(- CAST(:window AS interval))")


async def lane_states(connection: AsyncConnection) -> list[LaneState]:
    """Return the unfinished jobs by lane and state."""
    rows = await connection.execute(_LANES)
    return [
        LaneState(
            lanes.BY_NUMBER[row.lane],
            JobState(row.state),
            row.jobs,
            float(row.oldest),
            float(row.running),
            row.overdue,
        )
        for row in rows
    ]


async def delivery_counts(connection: AsyncConnection) -> DeliveryCounts:
    """Return how many deliveries are owed, and how late the latest is."""
    row = (await connection.execute(_DELIVERIES)).one()
    return DeliveryCounts(
        owed=row.owed,
        failed_before=row.failed_before,
        oldest_due_seconds=float(row.oldest_due),
        held_back=row.held_back,
        oldest_seconds=float(row.oldest),
    )


async def open_batches(connection: AsyncConnection) -> dict[BatchStatus, int]:
    """Return how many batches have not ended, by status."""
    rows = await connection.execute(_BATCHES)
    return {BatchStatus(row.status): row.batches for row in rows}


async def worker_states(connection: AsyncConnection, ttl: timedelta) -> list[WorkerState]:
    """Return the sessions of workers that did not say goodbye; ``ttl`` is a session's life."""
    rows = await connection.execute(_WORKERS, {"ttl": ttl})
    return [
        WorkerState(
            tuple(lanes.BY_NUMBER[number] for number in row.lanes),
            row.draining,
            float(row.silent),
            row.expired,
        )
        for row in rows
    ]


async def budgets_near_limit(connection: AsyncConnection) -> tuple[int, int]:
    """Return how many budgets are used up to 80 % or more, and to 100 % or more."""
    row = (await connection.execute(_NEAR)).one()
    return row.eighty, row.full


async def active_users(connection: AsyncConnection) -> int:
    """Return how many end users had jobs submitted in the last five minutes."""
    since = (await connection.execute(_SINCE, {"window": ACTIVE_FOR})).scalar_one()
    return (await connection.execute(_ACTIVE, {"since": since})).scalar_one()


async def tenant_jobs(
    connection: AsyncConnection, names: Sequence[str]
) -> dict[tuple[str, JobState], int]:
    """Return the unfinished jobs of these tenants, by name and state."""
    rows = await connection.execute(_TENANT_JOBS, {"names": list(names)})
    return {(row.name, JobState(row.state)): row.jobs for row in rows}


async def tenant_budgets(connection: AsyncConnection, names: Sequence[str]) -> list[BudgetUse]:
    """Return how full the own budgets of these tenants are."""
    rows: Any = await connection.execute(_TENANT_BUDGETS, {"names": list(names)})
    return [BudgetUse(row.name, row.unit, row.period, float(row.ratio)) for row in rows]
