"""Give back what was lost: expired releases, attempts of dead sessions, retries that are due.

Any dispatcher may run these at any time: each takes what nobody else has locked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.flows import FlowKey
from infra.postgres.start import claim_of_row
from schemas.claim import Claim

LARGEST_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """A running job whose session is dead, locked until the end of the transaction."""

    claim: Claim
    lost: int
    found_at: datetime


_PROMOTE: Final = text("""
WITH x AS (
  SELECT job_id FROM live WHERE state = 1 AND run_at <= now()
  ORDER BY run_at LIMIT :batch FOR UPDATE SKIP LOCKED)
UPDATE live SET state = 2, run_at = NULL FROM x WHERE live.job_id = x.job_id
RETURNING live.lane, live.tenant_id
""")

# Messages of a lane are consumed in order of release, so whatever was released before the
# oldest message that still waits is not waiting any more.
_RESCUE: Final = text("""
WITH x AS (
  SELECT l.job_id FROM live l
  LEFT JOIN unnest(CAST(:lanes AS smallint[]), CAST(:waiting AS timestamptz[]))
    AS k(lane, since) ON k.lane = l.lane
  WHERE l.state = 3 AND l.lease_until < now() AND (k.since IS NULL OR l.lease_until < k.since)
  ORDER BY l.lease_until LIMIT :batch FOR UPDATE OF l SKIP LOCKED)
UPDATE live SET state = 2, fence = fence + 1, lease_until = NULL FROM x
WHERE live.job_id = x.job_id RETURNING live.lane, live.tenant_id
""")

_EXPIRED_LANES: Final = text(
    "SELECT DISTINCT lane FROM live WHERE state = 3 AND lease_until < now()"
)

_LEASE_OF: Final = text("""
SELECT min(lease_until) FROM live
WHERE job_id = ANY (CAST(:ids AS uuid[])) AND state = 3
""")

_LOST: Final = text("""
WITH x AS MATERIALIZED (
  SELECT l.job_id, l.fence, l.lane, l.tenant_id, l.priority, l.attempt, l.failures, l.lost,
    l.started_at, l.cancel, l.session_id, l.deadline, l.cost, l.images, l.tokens
  FROM live l
  WHERE l.state = 4 AND NOT EXISTS (
    SELECT 1 FROM session s WHERE s.id = l.session_id AND s.expires_at > clock_timestamp())
  LIMIT :batch FOR UPDATE OF l SKIP LOCKED)
SELECT x.*, j.kind, j.model, j.created_at, j.end_user, j.metadata AS labels,
  j.tags, j.redrive_of, p.body,
  clock_timestamp() AS found_at
FROM x
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = x.job_id LIMIT 1) j
CROSS JOIN LATERAL (SELECT body FROM payload WHERE job_id = x.job_id LIMIT 1) p
""")

_LOSE: Final = text("""
WITH u AS (
  UPDATE live SET state = 2, fence = live.fence + 1, session_id = NULL, started_at = NULL,
    lost = live.lost + 1
  FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:sessions AS bigint[]),
    CAST(:started AS timestamptz[]), CAST(:attempts AS int[]))
    AS x(job_id, fence, session_id, started_at, n)
  WHERE live.job_id = x.job_id AND live.fence = x.fence AND live.state = 4
  RETURNING live.job_id, x.fence, x.n, x.session_id, x.started_at, live.lane, live.tenant_id),
a AS (
  INSERT INTO attempt (job_id, fence, n, outcome, session_id, started_at)
  SELECT job_id, fence, n, 3, session_id, started_at FROM u)
SELECT lane, tenant_id FROM u
""")

_DEAD_SESSIONS: Final = text("""
DELETE FROM session s WHERE s.expires_at < now() - :age AND NOT EXISTS (
  SELECT 1 FROM live l WHERE l.session_id = s.id AND l.state = 4)
""")

_OLD_KEYS: Final = text("""
DELETE FROM idempotency WHERE (tenant_id, key) IN (
  SELECT tenant_id, key FROM idempotency WHERE expires_at < now()
  ORDER BY expires_at LIMIT 10000 FOR UPDATE SKIP LOCKED)
""")


async def promote_due(connection: AsyncConnection) -> list[FlowKey]:
    """Make scheduled jobs ready whose time has come; return their flows, to be woken."""
    rows = await connection.execute(_PROMOTE, {"batch": LARGEST_BATCH})
    return [(row.lane, row.tenant_id) for row in rows]


async def lanes_with_expired_releases(connection: AsyncConnection) -> list[int]:
    """Return the lanes in which a released job was not started in time."""
    return [row.lane for row in await connection.execute(_EXPIRED_LANES)]


async def lease_of(connection: AsyncConnection, job_ids: Sequence[UUID]) -> datetime | None:
    """Return the earliest lease among the released of these jobs."""
    return (await connection.execute(_LEASE_OF, {"ids": list(job_ids)})).scalar_one()


async def rescue_releases(
    connection: AsyncConnection, waiting_since: Mapping[int, datetime]
) -> list[FlowKey]:
    """Make jobs ready again whose release expired: the broker lost their message.

    Args:
        connection: A transaction.
        waiting_since: Per lane number, the lease of the oldest message that still waits in
            the broker: later releases are left alone, their turn is only late.

    Returns:
        The flows of the rescued jobs, to be woken.
    """
    rows = await connection.execute(
        _RESCUE,
        {
            "lanes": list(waiting_since),
            "waiting": list(waiting_since.values()),
            "batch": LARGEST_BATCH,
        },
    )
    return [(row.lane, row.tenant_id) for row in rows]


async def lock_lost_attempts(connection: AsyncConnection) -> list[LostAttempt]:
    """Lock running jobs whose worker session ended without finishing them."""
    rows = (await connection.execute(_LOST, {"batch": LARGEST_BATCH})).all()
    return [
        LostAttempt(claim_of_row(row, row.session_id), row.lost, row.found_at) for row in rows
    ]


async def lose_attempts(
    connection: AsyncConnection, attempts: Sequence[LostAttempt]
) -> list[FlowKey]:
    """Write the attempts off as lost and make their jobs ready; return the flows to wake."""
    if not attempts:
        return []
    claims = [attempt.claim for attempt in attempts]
    rows = await connection.execute(
        _LOSE,
        {
            "ids": [claim.job_id for claim in claims],
            "fences": [claim.fence for claim in claims],
            "sessions": [claim.session_id for claim in claims],
            "started": [claim.started_at for claim in claims],
            "attempts": [claim.attempt for claim in claims],
        },
    )
    return [(row.lane, row.tenant_id) for row in rows]


async def forget_dead_sessions(connection: AsyncConnection, age: timedelta) -> int:
    """Delete sessions that expired ``age`` ago and left nothing running."""
    return (await connection.execute(_DEAD_SESSIONS, {"age": age})).rowcount


async def forget_old_keys(connection: AsyncConnection) -> int:
    """Delete idempotency keys whose time is over."""
    return (await connection.execute(_OLD_KEYS)).rowcount
