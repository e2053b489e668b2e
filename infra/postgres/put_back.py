"""Put back: how attempts end whose jobs go on. Every write names the job's fence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.ended_before import ended_before
from infra.postgres.hot import HotStatement
from schemas.claim import Claim
from schemas.job_states import AttemptOutcome
from schemas.work import NO_WORK, Work


@dataclass(frozen=True, slots=True)
class PutBack:
    """The end of an attempt whose job goes on: later (``delay``), or at once (``None``).

    Attributes:
        ended_at: PostgreSQL's time, or reckoned from its time at the start.
        counts: Whether the attempt counts against ``max_attempts``.
        error: JSON text of the attempt's error, if it had one.
        checks: JSON text of what safety found at each stage.
        work: What a model did for it in vain.
        unasked: It asked no model: what its release reserved is given back.
    """

    claim: Claim
    outcome: AttemptOutcome
    ended_at: datetime
    delay: timedelta | None
    counts: bool
    error: str | None = None
    checks: str | None = None
    work: Work = NO_WORK
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class PutBacks:
    """What became of attempts that were to be put back. A job in neither was superseded.

    Attributes:
        flows: Per job that was put back, the flow ``(lane, tenant)`` to wake if it is ready at
            once, else ``None``.
        cancelled: Jobs, locked by this transaction, whose callers want them no more: they must
            be ended, in the same transaction.
        before: Jobs of ``flows`` that an earlier call put back, whose answer was lost.
    """

    flows: dict[UUID, tuple[int, int] | None]
    cancelled: set[UUID]
    before: frozenset[UUID] = frozenset()


_PUT_BACK: Final = HotStatement("""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:outcomes AS smallint[]),
    CAST(:delays AS interval[]), CAST(:counts AS boolean[]), CAST(:errors AS text[]),
    CAST(:ended AS timestamptz[]), CAST(:checks AS text[]))
  AS x(job_id, fence, outcome, delay, counts, error, ended_at, checks)),
old AS MATERIALIZED (
  SELECT l.job_id, l.attempt, l.session_id, l.started_at, l.cancel FROM live l JOIN x
    ON x.job_id = l.job_id AND x.fence = l.fence
  WHERE l.state = 4 ORDER BY l.job_id FOR NO KEY UPDATE OF l),
u AS (
  UPDATE live SET
    state = CASE WHEN x.delay IS NULL THEN 2 ELSE 1 END,
    run_at = now() + x.delay, fence = live.fence + 1, session_id = NULL, started_at = NULL,
    failures = live.failures + CAST(x.counts AS int),
    attempt = live.attempt - CAST(x.outcome = 6 AS int)
  FROM x JOIN old ON old.job_id = x.job_id
  WHERE live.job_id = x.job_id AND live.fence = x.fence AND live.state = 4 AND NOT old.cancel
  RETURNING live.job_id, live.lane, live.tenant_id, x.fence, x.outcome, x.delay, x.error,
    x.ended_at, x.checks, old.attempt, old.session_id, old.started_at),
a AS (
  INSERT INTO attempt (job_id, fence, n, outcome, session_id, started_at, ended_at, detail,
    checks)
  SELECT job_id, fence, attempt, outcome, session_id, started_at, ended_at,
    CAST(error AS jsonb), CAST(checks AS jsonb) FROM u)
SELECT job_id, lane, tenant_id, delay IS NULL AS ready, false AS cancelled FROM u
UNION ALL SELECT job_id, 0, 0, false, true FROM old WHERE cancel
""")


async def put_back(connection: AsyncConnection, attempts: Sequence[PutBack]) -> PutBacks:
    """End attempts whose jobs run again, each under a new fence; cancelled jobs do not."""
    rows = await _PUT_BACK.run(
        connection,
        {
            "ids": [a.claim.job_id for a in attempts],
            "fences": [a.claim.fence for a in attempts],
            "outcomes": [int(a.outcome) for a in attempts],
            "delays": [a.delay for a in attempts],
            "counts": [a.counts for a in attempts],
            "errors": [a.error for a in attempts],
            "ended": [a.ended_at for a in attempts],
            "checks": [a.checks for a in attempts],
        },
    )
    flows: dict[UUID, tuple[int, int] | None] = {}
    cancelled: set[UUID] = set()
    for row in rows:
        if row.cancelled:
            cancelled.add(row.job_id)
        else:
            flows[row.job_id] = (row.lane, row.tenant_id) if row.ready else None
    missing = [a for a in attempts if a.claim.job_id not in flows.keys() | cancelled]
    before = frozenset(await ended_before(connection, missing) if missing else ())
    return PutBacks(flows | dict.fromkeys(before), cancelled, before)
