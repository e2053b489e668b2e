"""Lanes that nobody woke, and deliveries that nobody can send any more: a slow, steady round.

A lane is woken by who makes deliveries. One that saw it due while its owner let it go, or that
is of the release before, woke nobody: the round finds what they left.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.events import OutboxKind
from schemas.webhooks import DELIVERY_LIFETIME, Ended

# What is tried for the last time at the end of its life may still be under way.
_GRACE: Final = timedelta(minutes=1)
_FIRST: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class Expired:
    """A delivery whose time was up while nobody could try it.

    Attributes:
        job_id: The event's own id if the event is about no job.
        attempts: That were made.
        ended: ``DISCARDED``: its endpoint is disabled.
    """

    id: UUID
    event_id: UUID
    event_type: str | None
    job_id: UUID
    tenant_id: int
    endpoint_id: UUID | None
    origin: str
    kind: OutboxKind
    attempts: int
    ended: Ended


# A loose index scan: a few descents of indexes per lane, whatever the lanes hold. What sees its
# endpoint disabled stays as it is.
_WAKE: Final = text("""
WITH RECURSIVE lanes AS (
  (SELECT lane_id, 1 AS n FROM delivery WHERE lane_id > :after ORDER BY lane_id LIMIT 1)
  UNION ALL
  SELECT d.lane_id, l.n + 1 FROM lanes l CROSS JOIN LATERAL (
    SELECT lane_id FROM delivery WHERE lane_id > l.lane_id ORDER BY lane_id LIMIT 1) d
  WHERE l.n < :most),
first AS MATERIALIZED (
  SELECT l.lane_id, f.tenant_id, f.endpoint_id, f.origin, f.next_at
  FROM lanes l CROSS JOIN LATERAL (
    (SELECT tenant_id, endpoint_id, origin, next_at FROM delivery
     WHERE lane_id = l.lane_id AND rank = 0 ORDER BY next_at LIMIT 1)
    UNION ALL
    (SELECT tenant_id, endpoint_id, origin, next_at FROM delivery
     WHERE lane_id = l.lane_id AND rank = 1 ORDER BY next_at LIMIT 1)
    ORDER BY next_at LIMIT 1) f
  LEFT JOIN webhook_endpoint e ON e.id = f.endpoint_id
  LEFT JOIN webhook_lane k ON k.id = l.lane_id
  WHERE e.disabled_at IS NULL AND k.owner IS NULL
    AND (k.next_due_at IS NULL OR k.next_due_at > GREATEST(f.next_at, k.blocked_until))),
woken AS (
  INSERT INTO webhook_lane AS l (id, tenant_id, endpoint_id, origin, next_due_at)
  SELECT lane_id, tenant_id, endpoint_id, origin, next_at FROM first ORDER BY lane_id
  ON CONFLICT (id) DO UPDATE SET next_due_at = GREATEST(EXCLUDED.next_due_at, l.blocked_until)
  WHERE l.owner IS NULL
  RETURNING 1)
SELECT max(lane_id) AS last, count(*) AS seen, (SELECT count(*) FROM woken) AS woken FROM lanes
""")

# The id of a delivery tells when it was made, to within what clocks differ.
_EXPIRE: Final = text("""
WITH old AS MATERIALIZED (
  SELECT d.id FROM delivery d
  WHERE d.id < CAST(lpad(to_hex(
      CAST(extract(epoch FROM now() - :lifetime) * 1000 AS bigint)), 12, '0')
      || repeat('f', 20) AS uuid)
    AND d.created_at + :lifetime <= now()
    AND (d.lease_until IS NULL OR d.lease_until <= now())
  ORDER BY d.id LIMIT :most FOR UPDATE SKIP LOCKED),
gone AS (
  DELETE FROM delivery d USING old WHERE d.id = old.id
  RETURNING d.id, d.event_id, d.fence, d.job_id, d.tenant_id, d.endpoint_id, d.url, d.trigger,
    d.origin, d.kind),
logged AS (
  INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, detail, duration_ms, id,
    tenant_id, endpoint_id, job_id, type, url, trigger, started_at, ended)
  SELECT g.event_id, g.id, g.fence + 1,
    CASE WHEN e.disabled_at IS NULL THEN 'exhausted' ELSE 'discarded' END,
    CASE WHEN e.disabled_at IS NULL THEN 'its time was up before it was tried again'
      ELSE 'its time was up while the endpoint was disabled' END,
    0, uuidv7(), g.tenant_id, g.endpoint_id, g.job_id, o.type, g.url, g.trigger, now(),
    CASE WHEN e.disabled_at IS NULL THEN :exhausted ELSE :discarded END
  FROM gone g LEFT JOIN webhook_endpoint e ON e.id = g.endpoint_id
  LEFT JOIN LATERAL (
    SELECT type FROM outbox WHERE job_id = g.job_id AND id = g.event_id LIMIT 1) o ON true
  ON CONFLICT DO NOTHING
  RETURNING delivery_id, type, ended)
SELECT g.id, g.event_id, g.job_id, g.tenant_id, g.endpoint_id, g.origin, g.kind,
  g.fence AS attempts, l.type, l.ended
FROM gone g JOIN logged l ON l.delivery_id = g.id ORDER BY g.id
""")


async def wake_forgotten_lanes(
    connection: AsyncConnection, *, after: int | None, most: int
) -> tuple[int | None, int]:
    """Wake those of the next ``most`` lanes that nobody would look at in time.

    Args:
        connection: To read and write with.
        after: Begin after this lane; ``None``: with the first.
        most: How many lanes to look at.

    Returns:
        The last lane that was looked at, ``None`` if there are no more; and how many it woke.
    """
    values = {"after": _FIRST if after is None else after, "most": most}
    row = (await connection.execute(_WAKE, values)).one()
    return (row.last if row.seen >= most else None), row.woken


async def expire_deliveries(connection: AsyncConnection, *, most: int) -> list[Expired]:
    """End what was never taken in its whole life, and lies behind what cannot be tried.

    Returns:
        What ended; ``most`` of them: there may be more.
    """
    rows = await connection.execute(
        _EXPIRE,
        {
            "lifetime": DELIVERY_LIFETIME + _GRACE,
            "most": most,
            "exhausted": int(Ended.EXHAUSTED),
            "discarded": int(Ended.DISCARDED),
        },
    )
    return [
        Expired(
            id=row.id,
            event_id=row.event_id,
            event_type=row.type,
            job_id=row.job_id,
            tenant_id=row.tenant_id,
            endpoint_id=row.endpoint_id,
            origin=row.origin,
            kind=OutboxKind(row.kind),
            attempts=row.attempts,
            ended=Ended(row.ended),
        )
        for row in rows
    ]
