"""Jobs that wait for a person: locked, and let go on. All writes are under the row's lock."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.flows import wake_flows
from infra.postgres.withdraw import WaitingJob, waiting_of_row
from schemas.job_states import Hold

_LOCK: Final = text("""
WITH x AS MATERIALIZED (
  SELECT l.* FROM live l WHERE l.job_id = :id AND l.tenant_id = :tenant_id AND l.state = 0
    AND l.hold = :hold
  FOR UPDATE OF l)
SELECT x.job_id, x.fence, x.state, x.lane, x.tenant_id, x.priority, x.attempt, x.deadline,
  x.start_by, j.kind, j.model, j.created_at, j.end_user, j.metadata AS labels,
  j.tags, j.redrive_of, j.verdict, p.body,
  clock_timestamp() AS found_at
FROM x
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = x.job_id LIMIT 1) j
CROSS JOIN LATERAL (SELECT body FROM payload WHERE job_id = x.job_id LIMIT 1) p
""")

# The time that it waited is not its own, unless its caller has set the deadline.
_ADMIT: Final = text("""
WITH u AS (
  UPDATE live SET state = CASE WHEN run_at > now() THEN 1 ELSE 2 END, hold = NULL,
    run_at = CASE WHEN run_at > now() THEN run_at END,
    deadline = CASE WHEN p.body ? 'own_deadline' THEN live.deadline
      ELSE live.deadline + (now() - CAST(:since AS timestamptz)) END
  FROM payload p
  WHERE live.job_id = :id AND live.tenant_id = :tenant_id AND p.job_id = :id
    AND live.state = 0 AND live.hold = :hold
  RETURNING live.job_id, live.lane, live.tenant_id, live.state, live.deadline),
p AS (
  UPDATE payload SET
    body = payload.body || jsonb_build_object('reviewed', CAST(:reviewed AS jsonb),
      'reviewed_of', CAST(:verdict AS jsonb) -> 'input_digest') FROM u
  WHERE payload.job_id = u.job_id),
j AS (
  UPDATE job SET deadline = u.deadline, verdict = CAST(:verdict AS jsonb) FROM u
  WHERE job.id = u.job_id)
SELECT lane, tenant_id, state = 2 AS ready FROM u
""")


async def lock_held(
    connection: AsyncConnection, tenant_id: int, job_id: UUID
) -> WaitingJob | None:
    """Lock a job that waits for a person; ``None``: it does not, or not any more."""
    values = {"id": job_id, "tenant_id": tenant_id, "hold": int(Hold.REVIEW)}
    found = await connection.execute(_LOCK, values)
    row = found.one_or_none()
    return waiting_of_row(row) if row else None


async def admit_held(
    connection: AsyncConnection,
    waiting: WaitingJob,
    *,
    since: datetime,
    verdict: str,
    reviewed: str,
) -> bool:
    """Let a job go on whose prompt people have let pass, at its old place.

    Its flow is woken; ring ``WAKE`` after the commit.

    Args:
        connection: The transaction that has locked it.
        waiting: The job.
        since: When it began to wait.
        verdict: What is kept with it, as JSON.
        reviewed: The categories that people let pass, as a JSON array.

    Returns:
        Whether it waited.
    """
    values = {
        "id": waiting.job.id,
        "tenant_id": waiting.job.tenant_id,
        "since": since,
        "verdict": verdict,
        "reviewed": reviewed,
        "hold": int(Hold.REVIEW),
    }
    rows = (await connection.execute(_ADMIT, values)).all()
    await wake_flows(connection, [(row.lane, row.tenant_id) for row in rows if row.ready])
    return bool(rows)
