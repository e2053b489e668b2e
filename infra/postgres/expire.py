"""Time that is over: jobs that wait past their time, attempts that run past theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.flows import FlowKey
from infra.postgres.start import claim_of_row
from infra.postgres.withdraw import WaitingJob, waiting_of_row
from schemas.claim import Claim
from schemas.generation import Kind
from schemas.job_states import AttemptOutcome


@dataclass(frozen=True, slots=True)
class Overrun:
    """An attempt that outlived its time although its worker lives, locked.

    Attributes:
        late: The job's own deadline is over, not only this attempt's time.
        found_at: PostgreSQL's time.
    """

    claim: Claim
    late: bool
    found_at: datetime


# now() is one instant per transaction, to which an index can be compared; clock_timestamp() is
# not.
_EXPIRED: Final = text("""
WITH x AS MATERIALIZED (
  SELECT l.* FROM live l
  WHERE l.state < 4 AND LEAST(l.deadline, l.start_by) <= now()
  ORDER BY LEAST(l.deadline, l.start_by) LIMIT :batch FOR UPDATE OF l SKIP LOCKED)
SELECT x.job_id, x.fence, x.state, x.lane, x.tenant_id, x.priority, x.attempt, x.deadline,
  x.start_by, j.kind, j.model, j.created_at, j.end_user, j.metadata AS labels,
  j.tags, j.redrive_of, p.body,
  clock_timestamp() AS found_at
FROM x
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = x.job_id LIMIT 1) j
CROSS JOIN LATERAL (SELECT body FROM payload WHERE job_id = x.job_id LIMIT 1) p
""")

# Few rows run at once, and only of those that run for long is the kind looked up.
_OVERRUN: Final = text("""
WITH limits AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:kinds AS smallint[]), CAST(:times AS interval[]))
    AS t(kind, allowed)),
x AS MATERIALIZED (
  SELECT l.* FROM live l
  WHERE l.state = 4
    AND (l.started_at < now() - :grace - (SELECT min(allowed) FROM limits)
      OR l.deadline < now() - :grace)
    AND (l.deadline < now() - :grace
      OR l.started_at < now() - :grace - (
        SELECT t.allowed FROM job j JOIN limits t ON t.kind = j.kind WHERE j.id = l.job_id))
  LIMIT :batch FOR UPDATE OF l SKIP LOCKED)
SELECT x.job_id, x.fence, x.lane, x.tenant_id, x.priority, x.attempt, x.failures, x.started_at,
  x.cancel, x.session_id, x.deadline, x.cost, x.images, x.tokens,
  j.kind, j.model, j.created_at, j.end_user, j.metadata AS labels,
  j.tags, j.redrive_of, p.body,
  COALESCE(x.deadline < now(), false) AS late, clock_timestamp() AS found_at
FROM x
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = x.job_id LIMIT 1) j
CROSS JOIN LATERAL (SELECT body FROM payload WHERE job_id = x.job_id LIMIT 1) p
""")

_TAKE_BACK: Final = text("""
WITH u AS (
  UPDATE live SET state = 2, fence = live.fence + 1, session_id = NULL, started_at = NULL,
    failures = live.failures + 1
  FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:sessions AS bigint[]),
    CAST(:started AS timestamptz[]), CAST(:attempts AS int[]), CAST(:errors AS text[]))
    AS x(job_id, fence, session_id, started_at, n, error)
  WHERE live.job_id = x.job_id AND live.fence = x.fence AND live.state = 4
  RETURNING live.job_id, x.fence, x.n, x.session_id, x.started_at, x.error, live.lane,
    live.tenant_id),
a AS (
  INSERT INTO attempt (job_id, fence, n, outcome, session_id, started_at, detail)
  SELECT job_id, fence, n, :timeout, session_id, started_at, CAST(error AS jsonb) FROM u)
SELECT lane, tenant_id FROM u
""")


async def lock_expired(connection: AsyncConnection, *, limit: int) -> list[WaitingJob]:
    """Lock jobs that wait although their time is over, those that expired first at first."""
    rows = await connection.execute(_EXPIRED, {"batch": limit})
    return [waiting_of_row(row) for row in rows]


async def lock_overruns(
    connection: AsyncConnection,
    times: Mapping[Kind, timedelta],
    grace: timedelta,
    *,
    limit: int,
) -> list[Overrun]:
    """Lock attempts that should have ended ``grace`` ago, by their kind's time or deadline."""
    rows = await connection.execute(
        _OVERRUN,
        {
            "kinds": [kind.number for kind in times],
            "times": list(times.values()),
            "grace": grace,
            "batch": limit,
        },
    )
    return [Overrun(claim_of_row(row, row.session_id), row.late, row.found_at) for row in rows]


async def take_back_overruns(
    connection: AsyncConnection, overruns: Sequence[tuple[Claim, str]]
) -> list[FlowKey]:
    """End attempts as timeouts, which count, and make their jobs ready; return the flows.

    Args:
        connection: The transaction that locked them.
        overruns: Each claim, and its error as JSON text.
    """
    if not overruns:
        return []
    rows = await connection.execute(
        _TAKE_BACK,
        {
            "ids": [claim.job_id for claim, _ in overruns],
            "fences": [claim.fence for claim, _ in overruns],
            "sessions": [claim.session_id for claim, _ in overruns],
            "started": [claim.started_at for claim, _ in overruns],
            "attempts": [claim.attempt for claim, _ in overruns],
            "errors": [error for _, error in overruns],
            "timeout": int(AttemptOutcome.TIMEOUT),
        },
    )
    return [(row.lane, row.tenant_id) for row in rows]
