"""Start: the compare-and-set that turns a pointer into the right to run an attempt."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from infra.postgres.sealed_content import Body, Opened, open_bodies
from schemas import generation, lanes
from schemas.cache import CacheMode
from schemas.claim import Claim, Pointer
from schemas.cost import Cost
from schemas.tenant_plan import SafetyLevel
from schemas.webhooks import Hears

# A row that this session started already is granted again: the answer to an earlier commit may
# have been lost. The caller knows what it runs and asks only once for a pointer.
# The bounds on the partition key let PostgreSQL leave out all partitions but the jobs' own.
_START: Final = HotStatement("""
WITH p AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS p(job_id, fence)),
u AS (
  UPDATE live SET state = 4, session_id = :session, lease_until = NULL, start_by = NULL,
    attempt = live.attempt + CAST(live.state = 3 AS int),
    started_at = CASE live.state WHEN 3 THEN clock_timestamp() ELSE live.started_at END
  FROM p, session se
  WHERE live.job_id = p.job_id AND live.fence = p.fence
    AND (live.state = 3 OR (live.state = 4 AND live.session_id = :session))
    AND se.id = :session AND se.expires_at > clock_timestamp()
    AND (live.state = 4 OR LEAST(live.deadline, live.start_by) IS NULL
      OR LEAST(live.deadline, live.start_by) > clock_timestamp())
  RETURNING live.job_id, live.fence, live.lane, live.tenant_id, live.priority, live.attempt,
    live.failures, live.started_at, live.cancel, live.deadline, live.cost, live.images,
    live.tokens)
SELECT u.*, j.kind, j.model, j.created_at, j.end_user, j.metadata AS labels, j.tags,
  j.redrive_of, pl.body,
  (SELECT t.safety_level FROM tenant t WHERE t.id = u.tenant_id) AS safety_level,
  (SELECT t.required_tags FROM tenant t WHERE t.id = u.tenant_id) AS required_tags
FROM u JOIN job j ON j.id = u.job_id JOIN payload pl ON pl.job_id = u.job_id
WHERE j.id BETWEEN :low AND :high AND pl.job_id BETWEEN :low AND :high
""")


async def start_attempts(
    connection: AsyncConnection, session: int, pointers: Sequence[Pointer]
) -> dict[UUID, Claim]:
    """Start the jobs that still stand at their pointers' fences.

    Returns:
        The claims that were granted. A pointer without one is stale, its job's time is over, or
        ``session`` expired: drop it, the ledger knows what to do.
    """
    # Rows are locked in key order, as by everybody who locks several and waits: no deadlock.
    pointers = sorted(pointers, key=lambda pointer: pointer.job_id)
    rows = await _START.run(
        connection,
        {
            "ids": [pointer.job_id for pointer in pointers],
            "fences": [pointer.fence for pointer in pointers],
            "session": session,
            "low": pointers[0].job_id,
            "high": pointers[-1].job_id,
        },
    )
    bodies = [Body("payload", row.tenant_id, row.job_id, row.body) for row in rows]
    opened = await open_bodies(connection, bodies)
    return {
        row.job_id: claim_of_row(row, session, asked=one)
        for row, one in zip(rows, opened, strict=True)
    }


def claim_of_row(row: Any, session: int, *, asked: Opened | None = None) -> Claim:
    """Return the claim that a row of ``live``, ``job`` and ``payload`` describes.

    Args:
        row: As it is stored.
        session: The worker's.
        asked: The payload, opened; who only ends a job does without the input.
    """
    return Claim(
        job_id=row.job_id,
        fence=row.fence,
        session_id=session,
        tenant_id=row.tenant_id,
        kind=generation.BY_NUMBER[row.kind],
        model=row.model,
        lane=lanes.BY_NUMBER[row.lane],
        priority=row.priority,
        attempt=row.attempt,
        failures=row.failures,
        created_at=row.created_at,
        started_at=row.started_at,
        input=(asked.body if asked else row.body).get("input", {}),
        fault=asked.fault if asked else None,
        metadata=row.labels or {},
        tags=row.tags or (),
        retry_of=row.redrive_of,
        traceparent=row.body.get("traceparent"),
        face=row.body.get("face", "native"),
        channels=row.body.get("channels") or (),
        hears=Hears(row.body.get("hears", 0)),
        end_user=row.end_user,
        webhook=row.body.get("webhook"),
        cancel=row.cancel,
        deadline=row.deadline,
        cost=Cost(row.cost, row.images, row.tokens),
        # Who only ends what runs does not ask for it.
        safety_level=SafetyLevel(getattr(row, "safety_level", None) or SafetyLevel.STANDARD),
        reviewed=row.body.get("reviewed"),
        reviewed_of=row.body.get("reviewed_of"),
        requires=_requires(row),
        cache=CacheMode(row.body.get("cache", CacheMode.AUTO)),
    )


def _requires(row: Any) -> Collection[str]:
    """Return what its model server must carry: the job's own tags, and its tenant's of now."""
    said: Sequence[str] = row.body.get("requires") or ()
    plan: Sequence[str] = getattr(row, "required_tags", None) or ()
    return frozenset((*said, *plan)) if said or plan else ()
