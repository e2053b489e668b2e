"""Deliveries: who has something due, leases, and what came of each attempt.

A lane is what one tenant is owed at one origin. Nothing here walks over a lane's backlog: a
receiver that is down with 100,000 rows due costs what one with ten rows costs. Leases and
schedules are kept by PostgreSQL's clock alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.events import OutboxKind
from schemas.webhooks import Payload, Trigger

# After its first try a delivery lives this long: the whole schedule, and no longer.
LIFETIME: Final = timedelta(hours=76)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Lane(NamedTuple):
    """What one tenant is owed at one origin (``scheme://host:port``)."""

    tenant_id: int
    origin: str


@dataclass(frozen=True, slots=True)
class Owed:
    """One delivery that is due, as its lane's owner holds it.

    Attributes:
        attempt: The number of the attempt to make: 1, 2, …
        failures: Earlier attempts that used up a step of the schedule.
        job_id: The event's own id if the event is about no job.
        endpoint_id: ``None``: the URL was given with the job.
        url: Where to, unless the receiver has a URL of its own, which is newer.
        age: Time from the making of the delivery to the look that found it.
        event_type: ``None``, as are ``body`` and ``thin``, if retention took the event away.
        seq: The order among the events of one job.
        rank: 0 live, 1 sent again by a recovery.
        body: The event in full; empty if its content was erased.
        thin: The event without outputs; ``None``: ``body`` has none.
    """

    id: UUID
    attempt: int
    failures: int
    event_id: UUID
    job_id: UUID
    lane_id: int
    endpoint_id: UUID | None
    tenant_id: int
    origin: str
    url: str
    age: timedelta
    event_type: str | None
    kind: OutboxKind
    seq: int
    rank: int
    trigger: Trigger
    body: bytes | None = field(repr=False)
    thin: bytes | None = field(repr=False)
    # Goes away with the leases of single deliveries.
    secret: str | None = field(default=None, repr=False)

    @property
    def lane(self) -> Lane:
        """Whom it is owed to, as the leases of single deliveries know it."""
        return Lane(self.tenant_id, self.origin)

    def content(self, payload: Payload) -> bytes | None:
        """Return the exact bytes to send; ``None``: there is no event any more."""
        thin = self.thin if payload is Payload.THIN else None
        return self.body if thin is None else thin


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """What came of one leased attempt, and what follows.

    Attributes:
        outcome: For the log of attempts.
        status: The HTTP status, if there was one.
        delay: When to try again, counted from now; ``None``: never, the row is deleted.
        failures: Attempts so far that used up a step of the schedule.
    """

    delivery_id: UUID
    fence: int
    outcome: str
    status: int | None
    detail: str | None
    duration: timedelta
    delay: timedelta | None
    failures: int


_DUE: Final = HotStatement("""
SELECT tenant_id, origin, count(*) AS due, min(next_at) AS since FROM (
  SELECT tenant_id, origin, next_at FROM delivery
  WHERE next_at <= now() AND (lease_until IS NULL OR lease_until <= now())
  ORDER BY next_at LIMIT :window) d
GROUP BY tenant_id, origin ORDER BY since
""")

# A loose index scan: two descents of the index per lane, whatever the lanes hold.
_AFTER: Final = text("""
WITH RECURSIVE lanes AS (
  (SELECT tenant_id, origin, 1 AS n FROM delivery
   WHERE (tenant_id, origin) > (:tenant_id, CAST(:origin AS text))
   ORDER BY tenant_id, origin LIMIT 1)
  UNION ALL
  SELECT d.tenant_id, d.origin, l.n + 1 FROM lanes l CROSS JOIN LATERAL (
    SELECT tenant_id, origin FROM delivery
    WHERE (tenant_id, origin) > (l.tenant_id, l.origin)
    ORDER BY tenant_id, origin LIMIT 1) d
  WHERE l.n < :most)
SELECT l.tenant_id, l.origin, (
  SELECT count(*) FROM (
    SELECT 1 FROM delivery d
    WHERE d.tenant_id = l.tenant_id AND d.origin = l.origin AND d.next_at <= now()
      AND (d.lease_until IS NULL OR d.lease_until <= now())
    ORDER BY d.next_at LIMIT :depth) d) AS due
FROM lanes l
""")

# The array and the LIMIT 1 keep the planner on primary keys, where its guess of how many rows a
# lane yields would have it read whole tables.
_LEASE: Final = HotStatement("""
WITH share AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:tenant_ids AS bigint[]), CAST(:origins AS text[]), CAST(:rooms AS int[]))
  AS s(tenant_id, origin, room)),
leased AS (
  UPDATE delivery SET fence = fence + 1, lease_until = now() + :lease
  WHERE id = ANY(ARRAY(
    SELECT d.id FROM share s CROSS JOIN LATERAL (
      SELECT id FROM delivery
      WHERE tenant_id = s.tenant_id AND origin = s.origin AND next_at <= now()
        AND (lease_until IS NULL OR lease_until <= now())
      ORDER BY next_at LIMIT s.room FOR UPDATE SKIP LOCKED) d))
  RETURNING id, fence, attempt, event_id, job_id, tenant_id, origin, url, next_at,
    lane_id, endpoint_id, kind, seq, rank, trigger, now() - created_at AS age)
SELECT l.id, l.fence, l.attempt AS failures, l.event_id, l.job_id, l.tenant_id, l.origin, l.url,
  l.age, l.lane_id, l.endpoint_id, l.kind, l.seq, l.rank, l.trigger, o.type, o.body, o.thin,
  t.webhook_secret
FROM leased l
LEFT JOIN LATERAL (
  SELECT type, body, thin FROM outbox WHERE job_id = l.job_id AND id = l.event_id LIMIT 1) o ON true
LEFT JOIN tenant t ON t.id = l.tenant_id
ORDER BY l.next_at
""")

_NEXT: Final = HotStatement("""
SELECT next_at - clock_timestamp() AS wait FROM delivery
WHERE next_at > now() ORDER BY next_at LIMIT 1
""")

# Past its lifetime a delivery ends with this attempt, whatever the schedule says. The number of
# an attempt is a smallint, which a receiver that asks for a second's patience all day outgrows.
_RECORD: Final = HotStatement("""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:outcomes AS text[]),
    CAST(:statuses AS smallint[]), CAST(:details AS text[]), CAST(:durations AS int[]),
    CAST(:delays AS interval[]), CAST(:failures AS smallint[]))
  AS x(id, fence, outcome, status, detail, duration_ms, delay, failures)),
ended AS (
  DELETE FROM delivery d USING x
  WHERE d.id = x.id AND d.fence = x.fence
    AND (x.delay IS NULL OR d.created_at + :lifetime <= now())
  RETURNING d.id, d.event_id, d.fence, x.status, x.duration_ms,
    CASE WHEN x.delay IS NULL THEN x.outcome ELSE 'exhausted' END AS outcome,
    CASE WHEN x.delay IS NULL THEN x.detail
      ELSE concat_ws(': ', x.outcome, x.detail) END AS detail),
later AS (
  UPDATE delivery d SET attempt = x.failures, lease_until = NULL,
    next_at = LEAST(now() + x.delay, d.created_at + :lifetime)
  FROM x
  WHERE d.id = x.id AND d.fence = x.fence
    AND x.delay IS NOT NULL AND d.created_at + :lifetime > now()
  RETURNING d.id, d.event_id, d.fence, x.status, x.duration_ms, x.outcome, x.detail),
known AS (SELECT * FROM ended UNION ALL SELECT * FROM later),
logged AS (
  INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, status, detail, duration_ms)
  SELECT event_id, id, fence, outcome, status, detail, duration_ms FROM known
  ON CONFLICT DO NOTHING)
SELECT id FROM known
""")

_HAND_BACK: Final = text("""
UPDATE delivery d SET lease_until = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS x(id, fence)
WHERE d.id = x.id AND d.fence = x.fence
""")


async def due_lanes(connection: AsyncConnection, *, window: int) -> dict[Lane, int]:
    """Return how many of the ``window`` longest due deliveries each lane has, oldest first.

    Counts that add up to ``window`` mean that more may be due, in these lanes or in others.
    """
    rows = await _DUE.run(connection, {"window": window})
    return {Lane(row.tenant_id, row.origin): row.due for row in rows}


async def lanes_after(
    connection: AsyncConnection, lane: Lane | None, *, most: int, depth: int
) -> dict[Lane, int]:
    """Return how many deliveries are due in each of the next lanes, in the order of lanes.

    Args:
        connection: To read with.
        lane: Begin after this one; ``None``: with the first.
        most: How many lanes; fewer are returned only if there are no more.
        depth: Where counting stops.
    """
    after = lane or Lane(-1, "")
    rows = await connection.execute(_AFTER, {**after._asdict(), "most": most, "depth": depth})
    return {Lane(row.tenant_id, row.origin): row.due for row in rows}


async def lease_due(
    connection: AsyncConnection, shares: Mapping[Lane, int], *, lease: timedelta
) -> list[Owed]:
    """Lease due deliveries, the longest due first.

    Args:
        connection: In a transaction that is committed before anything is sent.
        shares: The most deliveries to lease of each lane. No other lane is touched.
        lease: How long nobody else may lease them.
    """
    if not shares:
        return []
    rows = await _LEASE.run(
        connection,
        {
            "tenant_ids": [lane.tenant_id for lane in shares],
            "origins": [lane.origin for lane in shares],
            "rooms": list(shares.values()),
            "lease": lease,
        },
    )
    return [
        Owed(
            id=row.id,
            attempt=row.fence,
            failures=row.failures,
            event_id=row.event_id,
            job_id=row.job_id,
            lane_id=row.lane_id,
            endpoint_id=row.endpoint_id,
            tenant_id=row.tenant_id,
            origin=row.origin,
            url=row.url,
            age=row.age,
            event_type=row.type,
            kind=OutboxKind(row.kind),
            seq=row.seq,
            rank=row.rank,
            trigger=Trigger(row.trigger),
            body=None if row.body is None else bytes(row.body),
            thin=None if row.thin is None else bytes(row.thin),
            secret=row.webhook_secret,
        )
        for row in rows
    ]


async def next_due_in(connection: AsyncConnection) -> timedelta | None:
    """Return the time until a delivery becomes due; ``None`` if none is scheduled."""
    rows = await _NEXT.run(connection, {})
    return rows[0].wait if rows else None


async def record_outcomes(
    connection: AsyncConnection, records: Sequence[AttemptRecord]
) -> list[bool]:
    """End or reschedule deliveries and log their attempts.

    Returns:
        Per record, whether its lease was still the newest. If not, nothing was written: the
        attempt was recorded before, or somebody else sends the delivery again.
    """
    rows = await _RECORD.run(
        connection,
        {
            "ids": [record.delivery_id for record in records],
            "fences": [record.fence for record in records],
            "outcomes": [record.outcome for record in records],
            "statuses": [record.status for record in records],
            "details": [record.detail for record in records],
            "durations": [record.duration // _MILLISECOND for record in records],
            "delays": [record.delay for record in records],
            "failures": [record.failures for record in records],
            "lifetime": LIFETIME,
        },
    )
    known = {row.id for row in rows}
    return [record.delivery_id in known for record in records]


async def hand_back(connection: AsyncConnection, leases: Sequence[tuple[UUID, int]]) -> None:
    """Give up leases ``(delivery, fence)`` of unknown outcome: others may send at once."""
    await connection.execute(
        _HAND_BACK,
        {"ids": [lease[0] for lease in leases], "fences": [lease[1] for lease in leases]},
    )
