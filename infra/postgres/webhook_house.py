"""What is left of webhooks and nobody needs: found and forgotten, a bounded piece at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhooks import DELIVERY_LIFETIME, Breaker, Ended

LARGEST_PIECE: Final = 1_000
# An owner of the lane that is about to end the delivery itself is not overtaken.
_GRACE: Final = timedelta(minutes=10)
_IDLE_LANE: Final = timedelta(days=7)
_OLD_RECOVERY: Final = timedelta(days=30)

_SECRETS: Final = text("""
DELETE FROM webhook_secret WHERE id = ANY(ARRAY(
  SELECT id FROM webhook_secret WHERE expires_at <= now() LIMIT :most FOR UPDATE SKIP LOCKED))
""")

# The lane of an endpoint is its counters as well, and goes with it.
_LANES: Final = text("""
DELETE FROM webhook_lane WHERE id = ANY(ARRAY(
  SELECT id FROM webhook_lane l
  WHERE next_due_at IS NULL AND (lease_until IS NULL OR lease_until < now() - :idle)
    AND COALESCE(GREATEST(last_success_at, last_failure_at), now() - :idle) <= now() - :idle
    AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.lane_id = l.id)
    AND NOT EXISTS (SELECT 1 FROM webhook_endpoint e
      WHERE e.tenant_id = l.tenant_id AND e.id = l.endpoint_id)
  LIMIT :most FOR UPDATE OF l SKIP LOCKED))
""")

_RECOVERIES: Final = text("""
DELETE FROM webhook_recovery WHERE id = ANY(ARRAY(
  SELECT id FROM webhook_recovery WHERE finished_at <= now() - :old
  LIMIT :most FOR UPDATE SKIP LOCKED))
""")

# An id tells when its delivery was made, unless that was made anew since.
_OLD: Final = text("""
SELECT id FROM delivery
WHERE id > CAST(:after AS uuid) AND id < uuidv7(- CAST(:age AS interval))
ORDER BY id LIMIT :most
""")
_OVERDUE: Final = text("""
WITH x AS MATERIALIZED (
  SELECT d.id, e.disabled_at IS NOT NULL AS disabled
  FROM delivery d
  LEFT JOIN webhook_lane l ON l.id = d.lane_id
  LEFT JOIN webhook_endpoint e ON e.tenant_id = d.tenant_id AND e.id = d.endpoint_id
  WHERE d.id = ANY(CAST(:ids AS uuid[])) AND d.created_at <= now() - :age
    AND (d.lease_until IS NULL OR d.lease_until <= now())
    AND (e.disabled_at IS NOT NULL OR l.breaker = :open)
  ORDER BY d.id FOR UPDATE OF d SKIP LOCKED),
gone AS (
  DELETE FROM delivery d USING x WHERE d.id = x.id
  RETURNING d.*, CAST(CASE WHEN x.disabled THEN :discarded ELSE :exhausted END AS smallint)
    AS ended),
logged AS (
  INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, detail, duration_ms, id,
    tenant_id, endpoint_id, job_id, type, url, trigger, ended)
  SELECT g.event_id, g.id, g.fence + 1,
    CASE WHEN g.ended = :discarded THEN 'discarded' ELSE 'exhausted' END,
    CASE WHEN g.ended = :discarded THEN 'its endpoint was disabled until its time was up'
      ELSE 'its receiver did not answer until its time was up' END,
    0, uuidv7(), g.tenant_id, g.endpoint_id, g.job_id,
    (SELECT o.type FROM outbox o WHERE o.job_id = g.job_id AND o.id = g.event_id LIMIT 1),
    g.url, g.trigger, g.ended
  FROM gone g ON CONFLICT DO NOTHING
  RETURNING delivery_id, type)
SELECT g.id, g.event_id, g.job_id, g.tenant_id, g.endpoint_id, g.origin, g.kind, g.fence,
  g.ended, a.type
FROM gone g LEFT JOIN logged a ON a.delivery_id = g.id ORDER BY g.id
""")


@dataclass(frozen=True, slots=True)
class Overdue:
    """A delivery whose time was up while nobody tried it.

    Attributes:
        attempts: That were made.
        ended: ``DISCARDED``: its endpoint is disabled; ``EXHAUSTED``: its breaker is open.
    """

    id: UUID
    event_id: UUID
    job_id: UUID
    tenant_id: int
    endpoint_id: UUID | None
    origin: str
    kind: int
    attempts: int
    ended: Ended
    event_type: str | None


async def forget_expired_secrets(connection: AsyncConnection) -> int:
    """Delete keys whose overlap is over; returns how many."""
    return (await connection.execute(_SECRETS, {"most": LARGEST_PIECE})).rowcount


async def forget_idle_lanes(connection: AsyncConnection) -> int:
    """Delete lanes of URLs that came with jobs and were owed nothing for a week."""
    values = {"idle": _IDLE_LANE, "most": LARGEST_PIECE}
    return (await connection.execute(_LANES, values)).rowcount


async def forget_old_recoveries(connection: AsyncConnection) -> int:
    """Delete recoveries that ended a month ago."""
    values = {"old": _OLD_RECOVERY, "most": LARGEST_PIECE}
    return (await connection.execute(_RECOVERIES, values)).rowcount


async def old_deliveries(connection: AsyncConnection, after: UUID) -> Sequence[UUID]:
    """Return the next ``LARGEST_PIECE`` deliveries behind ``after`` whose ids are that old."""
    values = {"after": after, "age": DELIVERY_LIFETIME + _GRACE, "most": LARGEST_PIECE}
    return (await connection.execute(_OLD, values)).scalars().all()


async def end_overdue(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Overdue]:
    """End those deliveries whose time is up and that nobody tries, and log it as attempts.

    What is merely late in a lane that is being sent from is left to the lane's owner.
    """
    rows = await connection.execute(
        _OVERDUE,
        {
            "ids": list(ids),
            "age": DELIVERY_LIFETIME + _GRACE,
            "open": int(Breaker.OPEN),
            "discarded": int(Ended.DISCARDED),
            "exhausted": int(Ended.EXHAUSTED),
        },
    )
    return [
        Overdue(
            id=row.id,
            event_id=row.event_id,
            job_id=row.job_id,
            tenant_id=row.tenant_id,
            endpoint_id=row.endpoint_id,
            origin=row.origin,
            kind=row.kind,
            attempts=row.fence,
            ended=Ended(row.ended),
            event_type=row.type,
        )
        for row in rows
    ]
