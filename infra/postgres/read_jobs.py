"""Jobs as callers see them. Every query is of one tenant."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.lineage import lineage_of_row
from infra.postgres.parks import PARKED_FULL, PARKED_PAUSED, PARKED_POOL, PARKED_RATE
from infra.postgres.sealed_content import Body, Opened, open_bodies
from schemas import generation, lanes
from schemas.job import Artifact, JobRecord
from schemas.job_states import JobState
from schemas.lineage import Lineage
from schemas.position import WaitingOn
from schemas.privacy_errors import ContentUnreadableError

JOB_COLUMNS: Final = """
SELECT j.id, j.tenant_id, j.kind, j.model, j.batch_id, j.lane, j.priority, j.created_at,
  j.end_user, j.metadata AS labels, j.tags, j.redrive_of, j.final_state, j.finished_at,
  j.error, j.deadline, j.verdict, j.spent,
  CASE l.state WHEN 1 THEN l.run_at END AS run_at,
  COALESCE(j.started_at, l.started_at) AS started_at,
  COALESCE(l.attempt, j.attempts) AS attempts, l.state AS live_state,
  p.body AS payload, r.body AS result, r.artifacts,
  l.state = 2 AND NOT EXISTS (
    SELECT 1 FROM session s WHERE j.lane = ANY (s.lanes) AND NOT s.draining
      AND s.expires_at > clock_timestamp()) AS no_worker,
  l.state = 1 AND l.budgeted AND l.attempt = 0 AND EXISTS (
    SELECT 1 FROM reservation v WHERE v.job_id = l.job_id AND v.parked) AS for_budget,
  f.park_reason, COALESCE(c.paused_at, o.paused_at, t.paused_at) IS NOT NULL AS paused
"""
JOB_JOINS: Final = """
LEFT JOIN live l ON l.job_id = j.id
LEFT JOIN payload p ON p.job_id = j.id
LEFT JOIN result r ON r.job_id = j.id
LEFT JOIN flow f ON f.lane = j.lane AND f.tenant_id = j.tenant_id AND l.state = 2
LEFT JOIN lane_clock c ON c.lane = l.lane AND l.state = 2
LEFT JOIN pool o ON o.id = l.pool AND l.state = 2
LEFT JOIN tenant t ON t.id = l.tenant_id AND l.state = 2
"""
_JOB: Final = f"{JOB_COLUMNS} FROM job j {JOB_JOINS}"

_WAITING_ON: Final = {
    JobState.HELD: WaitingOn.REVIEW,
    JobState.SCHEDULED: WaitingOn.SCHEDULE,
    JobState.RELEASED: WaitingOn.LANE,
}
_PARKED: Final = {
    PARKED_FULL: WaitingOn.TENANT_LIMIT,
    PARKED_RATE: WaitingOn.RATE_LIMIT,
    PARKED_POOL: WaitingOn.RATE_LIMIT,
    PARKED_PAUSED: WaitingOn.PAUSED,
}

# Where a job comes from is read where one is looked at; most are derived from none.
_ONE: Final = text(f"""{JOB_COLUMNS}, x.root_id, x.parent_ids, x.action, x.detail
FROM job j {JOB_JOINS} LEFT JOIN lineage x ON x.job_id = j.id AND x.tenant_id = j.tenant_id
WHERE j.id = :id AND j.tenant_id = :tenant_id
""")

# The wanted ids come first: PostgreSQL does not reorder so many joins.
_SOME: Final = text(f"""{JOB_COLUMNS}
FROM unnest(CAST(:ids AS uuid[]), CAST(:tenants AS bigint[])) AS x(id, tenant_id)
JOIN job j ON j.id = x.id AND j.tenant_id = x.tenant_id
{JOB_JOINS} WHERE j.id BETWEEN :low AND :high
""")


async def get_job(
    connection: AsyncConnection, tenant_id: int, job_id: UUID
) -> JobRecord | None:
    """Return a tenant's job, or ``None`` if the tenant has no such job."""
    found = await connection.execute(_ONE, {"id": job_id, "tenant_id": tenant_id})
    jobs = await jobs_of_rows(connection, found.all())
    return jobs[0] if jobs else None


async def get_jobs(
    connection: AsyncConnection, jobs: Sequence[tuple[UUID, int]]
) -> dict[UUID, JobRecord]:
    """Return several jobs, each named with its tenant; those that do not exist are missing."""
    rows = await _rows(connection, jobs)
    return {job.id: job for job in await jobs_of_rows(connection, rows)}


async def read_each_job(
    connection: AsyncConnection, jobs: Sequence[tuple[UUID, int]]
) -> dict[UUID, JobRecord | ContentUnreadableError]:
    """Return several jobs as ``get_jobs`` does; of one that does not open, the reason."""
    found: dict[UUID, JobRecord | ContentUnreadableError] = {}
    for row, asked, made in await _opened(connection, await _rows(connection, jobs)):
        try:
            found[row.id] = _job(row, asked, made)
        except ContentUnreadableError as error:
            found[row.id] = error
    return found


async def jobs_of_rows(
    connection: AsyncConnection, rows: Sequence[Row[Any]]
) -> list[JobRecord]:
    """Return the jobs that rows of ``JOB_COLUMNS`` describe, opened.

    Raises:
        ContentUnreadableError: A key that sealed one of them is missing.
    """
    return [_job(row, asked, made) for row, asked, made in await _opened(connection, rows)]


async def _rows(
    connection: AsyncConnection, jobs: Sequence[tuple[UUID, int]]
) -> Sequence[Row[Any]]:
    if not jobs:
        return ()
    ids = [job_id for job_id, _ in jobs]
    tenants = [tenant_id for _, tenant_id in jobs]
    values = {"ids": ids, "tenants": tenants, "low": min(ids), "high": max(ids)}
    return (await connection.execute(_SOME, values)).all()


async def _opened(
    connection: AsyncConnection, rows: Sequence[Row[Any]]
) -> list[tuple[Row[Any], Opened, Opened]]:
    """Return rows, each with what it was asked and what it made."""
    stored = [
        Body(table, row.tenant_id, row.id, body)
        for row in rows
        for table, body in (("payload", row.payload), ("result", row.result))
    ]
    opened = await open_bodies(connection, stored)
    return [(row, opened[2 * place], opened[2 * place + 1]) for place, row in enumerate(rows)]


def _job(row: Row[Any], asked: Opened, made: Opened) -> JobRecord:
    state = JobState(row.final_state if row.final_state is not None else row.live_state)
    payload, result = asked.required(), made.required()
    return JobRecord(
        id=row.id,
        tenant_id=row.tenant_id,
        kind=generation.BY_NUMBER[row.kind],
        model=row.model,
        lane=lanes.BY_NUMBER[row.lane],
        priority=row.priority,
        state=state,
        created_at=row.created_at,
        input=payload.get("input", {}),
        started_at=row.started_at,
        finished_at=row.finished_at,
        attempts=row.attempts,
        metadata=row.labels or {},
        tags=row.tags or (),
        retry_of=row.redrive_of,
        end_user=row.end_user,
        error=row.error,
        artifacts=[Artifact(**artifact) for artifact in row.artifacts or ()],
        text=result.get("text"),
        made=result,
        spent=row.spent,
        waiting_on=waiting.value if (waiting := _waiting_on(row, state)) else None,
        run_at=row.run_at,
        deadline=row.deadline,
        verdict=row.verdict,
        input_erased=asked.erased,
        output_erased=made.erased,
        face=payload.get("face", "native"),
        aside=payload.get("aside") or {},
        typed=None if asked.erased else payload.get("typed"),
        batch_id=row.batch_id,
        lineage=_lineage(row),
        requires=payload.get("requires") or (),
    )


def _lineage(row: Row[Any]) -> Lineage | None:
    root_id = getattr(row, "root_id", None)
    return None if root_id is None else lineage_of_row(row, root_id)


def _waiting_on(row: Row[Any], state: JobState) -> WaitingOn | None:
    if row.for_budget:
        return WaitingOn.BUDGET
    if state is not JobState.READY:
        return _WAITING_ON.get(state)
    if row.paused:
        return WaitingOn.PAUSED
    if row.no_worker:
        return WaitingOn.NO_WORKER
    return _PARKED.get(row.park_reason, WaitingOn.LANE)
