"""Cancel: lock what is to be cancelled; what runs is marked, and its worker is told.

A job that waits is ended in the same transaction (``infra.postgres.withdraw``). A mark is never
taken back: an attempt that does not end by itself ends as cancelled, and its job never runs
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.start import claim_of_row
from infra.postgres.withdraw import WaitingJob, waiting_of_row
from schemas.cancel_request import CancelRequest
from schemas.claim import Claim
from schemas.job_states import JobState, JobStatus


@dataclass(frozen=True, slots=True)
class Cancellable:
    """Unfinished jobs of a tenant, locked until the end of the transaction."""

    waiting: tuple[WaitingJob, ...]
    running: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """A running job that is to end, and the session of its worker."""

    job_id: UUID
    session_id: int


@dataclass(frozen=True, slots=True)
class Matching:
    """How many unfinished jobs a request means."""

    waiting: int
    running: int


# In key order, as every statement that locks several rows and waits: no deadlock. The ledger is
# read row by row: LIMIT keeps the planner from reading it whole for a join.
_LOCK: Final = text("""
WITH x AS MATERIALIZED (
  SELECT l.* FROM live l
  WHERE l.job_id = ANY (CAST(:ids AS uuid[])) AND l.tenant_id = :tenant_id
  ORDER BY l.job_id FOR UPDATE OF l)
SELECT x.job_id, x.fence, x.state, x.lane, x.tenant_id, x.priority, x.attempt, x.deadline,
  x.start_by, j.kind, j.model, j.created_at, j.end_user, j.metadata AS labels,
  j.tags, j.redrive_of, p.body,
  clock_timestamp() AS found_at
FROM x
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = x.job_id LIMIT 1) j
CROSS JOIN LATERAL (SELECT body FROM payload WHERE job_id = x.job_id LIMIT 1) p
""")

_MARK: Final = text("""
UPDATE live SET cancel = true, cancel_at = COALESCE(cancel_at, clock_timestamp())
WHERE job_id = ANY (CAST(:ids AS uuid[])) AND state = 4
RETURNING job_id, session_id
""")

# What only the ledger knows is asked only if the request wants to know it.
_MATCHING: Final = """
FROM live l WHERE l.tenant_id = :tenant_id
  AND (CAST(:lane AS smallint) IS NULL OR l.lane = :lane)
  AND (CAST(:batch_id AS uuid) IS NULL OR l.batch_id = :batch_id)
  AND (CAST(:running AS boolean) IS NULL OR (l.state = 4) = :running)
"""
_IN_LEDGER: Final = """
  AND EXISTS (
    SELECT 1 FROM job j WHERE j.id = l.job_id
      AND (CAST(:kind AS smallint) IS NULL OR j.kind = :kind)
      AND (CAST(:model AS text) IS NULL OR j.model = :model)
      AND (CAST(:end_user AS text) IS NULL OR j.end_user = :end_user)
      AND (CAST(:labels AS jsonb) IS NULL OR j.metadata @> CAST(:labels AS jsonb))
      AND (CAST(:before AS timestamptz) IS NULL OR j.created_at < :before)
      AND (CAST(:after AS timestamptz) IS NULL OR j.created_at >= :after))
"""
# Keys ascend, so that each page begins where the last one ended, and nothing is seen twice.
_ASCENDING: Final = " AND l.job_id > :cursor ORDER BY l.job_id LIMIT :limit"
_COUNTS: Final = (
    "SELECT count(*) FILTER (WHERE l.state < 4) AS waiting,"
    " count(*) FILTER (WHERE l.state = 4) AS running"
)

_OVERDUE: Final = text("""
WITH x AS MATERIALIZED (
  SELECT l.* FROM live l
  WHERE l.cancel_at < now() - :grace AND l.state = 4
  ORDER BY l.cancel_at LIMIT :batch FOR UPDATE OF l SKIP LOCKED)
SELECT x.job_id, x.fence, x.lane, x.tenant_id, x.priority, x.attempt, x.failures, x.started_at,
  x.cancel, x.session_id, x.deadline, x.cost, x.images, x.tokens,
  j.kind, j.model, j.created_at, j.end_user, j.metadata AS labels,
  j.tags, j.redrive_of, p.body,
  clock_timestamp() AS found_at
FROM x
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = x.job_id LIMIT 1) j
CROSS JOIN LATERAL (SELECT body FROM payload WHERE job_id = x.job_id LIMIT 1) p
""")


async def lock_unfinished(
    connection: AsyncConnection, tenant_id: int, job_ids: Sequence[UUID]
) -> Cancellable:
    """Lock those of the jobs that have not ended, and tell what waits from what runs."""
    found = await connection.execute(_LOCK, {"ids": list(job_ids), "tenant_id": tenant_id})
    rows = found.all()
    running = tuple(row.job_id for row in rows if row.state == JobState.RUNNING)
    waiting = tuple(waiting_of_row(row) for row in rows if row.state < JobState.RUNNING)
    return Cancellable(waiting, running)


async def mark_cancelled(
    connection: AsyncConnection, job_ids: Sequence[UUID]
) -> tuple[Marked, ...]:
    """Mark running jobs, locked before, as cancelled; the first mark's instant stays."""
    if not job_ids:
        return ()
    rows = await connection.execute(_MARK, {"ids": list(job_ids)})
    return tuple(Marked(row.job_id, row.session_id) for row in rows)


async def find_matching(
    connection: AsyncConnection,
    tenant_id: int,
    request: CancelRequest,
    *,
    cursor: UUID,
    limit: int,
) -> list[UUID]:
    """Return the next unfinished jobs that a request means, in order of their ids."""
    matching, values = _matching(tenant_id, request)
    rows = await connection.execute(
        text(f"SELECT l.job_id {matching} {_ASCENDING}"),
        values | {"cursor": cursor, "limit": limit},
    )
    return [row.job_id for row in rows]


async def count_matching(
    connection: AsyncConnection, tenant_id: int, request: CancelRequest
) -> Matching:
    """Return how many unfinished jobs a request means."""
    matching, values = _matching(tenant_id, request)
    row = (await connection.execute(text(f"{_COUNTS} {matching}"), values)).one()
    return Matching(row.waiting, row.running)


async def lock_overdue_cancels(
    connection: AsyncConnection, grace: timedelta, *, limit: int
) -> list[tuple[Claim, datetime]]:
    """Lock attempts that go on although they were cancelled ``grace`` ago.

    Returns:
        Each claim, and PostgreSQL's time.
    """
    rows = await connection.execute(_OVERDUE, {"grace": grace, "batch": limit})
    return [(claim_of_row(row, row.session_id), row.found_at) for row in rows]


def _matching(tenant_id: int, request: CancelRequest) -> tuple[str, dict[str, Any]]:
    """Return the part of a query that finds what is meant, and its values."""
    running = None if request.status is None else request.status == JobStatus.RUNNING.value
    of_live = {
        "tenant_id": tenant_id,
        "lane": request.lane.number if request.lane else None,
        "batch_id": request.batch_key,
        "running": running,
    }
    of_ledger = {
        "kind": request.kind.number if request.kind else None,
        "model": request.model,
        "end_user": request.end_user,
        "labels": orjson.dumps(request.metadata).decode() if request.metadata else None,
        "before": request.created_before,
        "after": request.created_after,
    }
    if all(value is None for value in of_ledger.values()):
        return _MATCHING, of_live
    return _MATCHING + _IN_LEDGER, of_live | of_ledger
