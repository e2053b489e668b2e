"""Hold: how attempts end whose jobs wait for a person. Every write names the job's fence.

The slot and the lease are free at once. What was made waits sealed in the review item, which is
written in the same transaction: no job is held that nobody is asked about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.ended_before import ended_before
from infra.postgres.reviews import NewReview, open_reviews
from schemas.claim import Claim
from schemas.job_states import AttemptOutcome
from schemas.job_states import Hold as HeldFor
from schemas.work import NO_WORK, Work


@dataclass(frozen=True, slots=True)
class Holding:
    """The end of an attempt whose job is held. ``checks`` and ``verdict`` are JSON texts.

    Attributes:
        ended_at: PostgreSQL's time, or reckoned from its time at the start.
        item: What a person is asked.
        work: What a model did for it.
    """

    claim: Claim
    ended_at: datetime
    checks: str
    verdict: str
    item: NewReview
    outcome: AttemptOutcome = AttemptOutcome.HELD
    work: Work = NO_WORK


@dataclass(frozen=True, slots=True)
class Held:
    """What became of attempts that were to be held. A job in neither was superseded.

    Attributes:
        jobs: Those that are held.
        cancelled: Jobs, locked by this transaction, whose callers want them no more: they must
            be ended, in the same transaction.
        unparked: A flow that stood at its limit may release again.
        before: Of ``jobs``, those that an earlier call held, whose answer was lost.
    """

    jobs: set[UUID]
    cancelled: set[UUID]
    unparked: bool
    before: frozenset[UUID] = frozenset()


_HOLD: Final = text("""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:ended AS timestamptz[]),
    CAST(:checks AS text[]), CAST(:verdicts AS text[]))
  AS x(job_id, fence, ended_at, checks, verdict)),
old AS MATERIALIZED (
  SELECT l.job_id, l.attempt, l.session_id, l.started_at, l.cancel FROM live l JOIN x
    ON x.job_id = l.job_id AND x.fence = l.fence
  WHERE l.state = 4 ORDER BY l.job_id FOR NO KEY UPDATE OF l),
u AS (
  UPDATE live SET state = 0, hold = :hold, run_at = NULL, fence = live.fence + 1,
    session_id = NULL, started_at = NULL
  FROM x JOIN old ON old.job_id = x.job_id
  WHERE live.job_id = x.job_id AND live.fence = x.fence AND live.state = 4 AND NOT old.cancel
  RETURNING live.job_id, live.lane, live.tenant_id, x.fence, x.ended_at, x.checks, x.verdict,
    old.attempt, old.session_id, old.started_at),
a AS (
  INSERT INTO attempt (job_id, fence, n, outcome, session_id, started_at, ended_at, checks)
  SELECT job_id, fence, attempt, :outcome, session_id, started_at, ended_at,
    CAST(checks AS jsonb) FROM u),
j AS (
  UPDATE job SET verdict = CAST(u.verdict AS jsonb) FROM u WHERE job.id = u.job_id),
k AS MATERIALIZED (
  SELECT f.lane, f.tenant_id FROM flow f
  JOIN (SELECT DISTINCT lane, tenant_id FROM u) t
    ON t.lane = f.lane AND t.tenant_id = f.tenant_id
  WHERE f.park_reason = 1 AND f.parked_until IS NOT NULL
  ORDER BY f.lane, f.tenant_id FOR NO KEY UPDATE OF f),
f AS (
  UPDATE flow SET parked_until = NULL, park_reason = NULL FROM k
  WHERE flow.lane = k.lane AND flow.tenant_id = k.tenant_id)
SELECT job_id, false AS cancelled, EXISTS (SELECT 1 FROM k) AS unparked FROM u
UNION ALL SELECT job_id, true, false FROM old WHERE cancel
""")


async def hold_jobs(connection: AsyncConnection, holdings: Sequence[Holding]) -> Held:
    """End attempts whose jobs wait for a person, each under a new fence, and ask that person.

    Cancelled jobs are not held. Repeating it changes nothing and gives the same answer.
    """
    rows = await connection.execute(
        _HOLD,
        {
            "ids": [one.claim.job_id for one in holdings],
            "fences": [one.claim.fence for one in holdings],
            "ended": [one.ended_at for one in holdings],
            "checks": [one.checks for one in holdings],
            "verdicts": [one.verdict for one in holdings],
            "hold": int(HeldFor.REVIEW),
            "outcome": int(AttemptOutcome.HELD),
        },
    )
    held = Held(set(), set(), unparked=False)
    unparked = False
    for row in rows:
        (held.cancelled if row.cancelled else held.jobs).add(row.job_id)
        unparked = unparked or row.unparked
    await open_reviews(connection, [h.item for h in holdings if h.claim.job_id in held.jobs])
    known = held.jobs | held.cancelled
    missing = [one for one in holdings if one.claim.job_id not in known]
    before = frozenset(await ended_before(connection, missing) if missing else ())
    return Held(held.jobs | before, held.cancelled, unparked, before)


# A job that was inserted by this transaction, or by an earlier try of it.
_HOLD_NEW: Final = text("""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:verdicts AS text[])) AS x(job_id, verdict)),
u AS (
  UPDATE live SET state = 0, hold = :hold FROM x
  WHERE live.job_id = x.job_id AND live.state IN (1, 2) AND live.fence = 0
  RETURNING live.job_id, x.verdict),
j AS (
  UPDATE job SET verdict = CAST(u.verdict AS jsonb) FROM u WHERE job.id = u.job_id)
SELECT job_id FROM u
""")


async def hold_new_jobs(connection: AsyncConnection, verdicts: Mapping[UUID, str]) -> set[UUID]:
    """Hold jobs that were inserted a moment ago, with their verdicts as JSON.

    Returns:
        Those that are held now; one that is missing was held, or ended, before.
    """
    which = {
        "ids": list(verdicts),
        "verdicts": list(verdicts.values()),
        "hold": int(HeldFor.REVIEW),
    }
    return {row.job_id for row in await connection.execute(_HOLD_NEW, which)}
