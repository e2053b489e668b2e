"""A job's way through the ledger, read for those who watch it. Every query is of one tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.job_states import AttemptOutcome, JobState
from schemas.progress import EndedAttempt, JobMoves

# One look for many jobs: whoever watches a job costs no statement of its own.
_MOVES: Final = HotStatement("""
SELECT j.id, j.tenant_id, j.created_at, j.final_state, j.finished_at, l.state, l.fence,
  l.attempt, l.started_at, CASE l.state WHEN 1 THEN l.run_at END AS run_at,
  (SELECT jsonb_agg(jsonb_build_array(a.fence, a.n, a.outcome, a.started_at, a.ended_at,
      a.detail ->> 'code') ORDER BY a.fence)
   FROM attempt a WHERE a.job_id = j.id) AS attempts
FROM unnest(CAST(:ids AS uuid[]), CAST(:tenants AS bigint[])) AS x(id, tenant_id)
JOIN job j ON j.id = x.id AND j.tenant_id = x.tenant_id
LEFT JOIN live l ON l.job_id = j.id
WHERE j.id BETWEEN :low AND :high
""")


async def read_moves(
    connection: AsyncConnection, jobs: Sequence[tuple[UUID, int]]
) -> dict[UUID, JobMoves]:
    """Return the ways of jobs, each named with its tenant; unknown ones are missing."""
    if not jobs:
        return {}
    ids = [job_id for job_id, _ in jobs]
    rows = await _MOVES.run(
        connection,
        {
            "ids": ids,
            "tenants": [tenant_id for _, tenant_id in jobs],
            "low": min(ids),
            "high": max(ids),
        },
    )
    return {row.id: _moves(row) for row in rows if row.final_state or row.state is not None}


def _moves(row: Any) -> JobMoves:
    final = row.final_state is not None
    return JobMoves(
        job_id=row.id,
        tenant_id=row.tenant_id,
        state=JobState(row.final_state if final else row.state),
        created_at=row.created_at,
        fence=row.fence or 0,
        attempt=row.attempt or 0,
        started_at=row.started_at,
        run_at=row.run_at,
        finished_at=row.finished_at,
        ended=tuple(_ended(attempt) for attempt in row.attempts or ()),
    )


def _ended(attempt: Sequence[Any]) -> EndedAttempt:
    fence, n, outcome, started_at, ended_at, error = attempt
    return EndedAttempt(
        fence=fence,
        n=n,
        outcome=AttemptOutcome(outcome),
        started_at=datetime.fromisoformat(started_at) if started_at else None,
        ended_at=datetime.fromisoformat(ended_at),
        error=error,
    )
