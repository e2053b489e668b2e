"""What came of attempts: deliveries end or wait for the next try, and the log of attempts.

Every write names the lease of the lane. An owner that slept through the end of its lease, and
whose lane somebody else has, writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NotRequired, TypedDict
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.webhooks import DELIVERY_LIFETIME


class AttemptRecord(TypedDict):
    """What came of one attempt, and what follows: as JSON takes it, ready to be written.

    An object of so many parts takes longer to make than all the rest of a record.

    Attributes:
        id: Of the delivery.
        lane: Its lane.
        lease: The fence of the lane's lease.
        attempt: Its number among the delivery's.
        attempt_id: UUIDv7, made when the attempt began.
        trigger: ``Trigger``.
        started_at: By PostgreSQL's clock.
        ms: How long it took.
        ended: ``Ended``, what it made of the delivery; ``None``: it is tried again after
            ``delay`` seconds.
        failures: Attempts so far that used up a step of the schedule.
        stays: It is tried again when its lane may be, in its old place.
        type: Of the event.
        headers: Those of the answer that are kept.
        body: The beginning of the answer's, base64.
    """

    id: UUID
    lane: int
    lease: int
    attempt: int
    attempt_id: UUID
    trigger: int
    outcome: str
    started_at: datetime
    ms: int
    ended: int | None
    delay: float | None
    failures: int
    stays: bool
    type: str | None
    url: str | None
    status: NotRequired[int | None]
    detail: NotRequired[str | None]
    address: NotRequired[str | None]
    dns_ms: NotRequired[int | None]
    connect_ms: NotRequired[int | None]
    tls_ms: NotRequired[int | None]
    first_byte_ms: NotRequired[int | None]
    request_id: NotRequired[str | None]
    headers: NotRequired[Mapping[str, str] | None]
    body: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """An attempt that was not written down.

    Attributes:
        place: Of the record, among those that were to be written.
        lost: Its lane has another owner. If not, the attempt was written before, or the
            delivery is gone.
    """

    place: int
    lost: bool


# JSON: a list for each of so many columns takes the driver longer than all the rest.
#
# The arrays keep the planner on primary keys, where its guess of how many rows there are would
# have it read whole tables. What waited for a delivery that failed before is due at once. What
# was asked for by hand (trigger 1) is asked for once; asked for meanwhile, it stays due.
_RECORD: Final = HotStatement("""
WITH x AS MATERIALIZED (
  SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
    n int, id uuid, lane bigint, lease bigint, attempt int, attempt_id uuid, trigger smallint,
    outcome text, started_at timestamptz, ms int, ended smallint, delay double precision,
    failures int, stays boolean, status smallint, detail text, type text, url text,
    address text, dns_ms int, connect_ms int, tls_ms int, first_byte_ms int, request_id text,
    headers jsonb, body text)),
g AS MATERIALIZED (
  SELECT x.* FROM x JOIN webhook_lane l ON l.id = x.lane
  WHERE l.id = ANY(CAST(:lanes AS bigint[])) AND l.owner = :me AND l.fence = x.lease),
gone AS (
  DELETE FROM delivery d USING g
  WHERE d.id = ANY(CAST(:ids AS uuid[])) AND d.id = g.id AND d.fence = g.attempt - 1
    AND g.ended IS NOT NULL
  RETURNING d.id, d.event_id, d.job_id, d.tenant_id, d.endpoint_id, d.lane_id, d.rank, d.seq),
later AS (
  UPDATE delivery d SET attempt = g.failures, fence = g.attempt, lease_until = NULL,
    trigger = CASE WHEN d.trigger = 1 AND g.trigger = 1 THEN 0 ELSE d.trigger END,
    next_at = CASE WHEN g.stays OR (d.trigger = 1 AND g.trigger <> 1) THEN d.next_at
      ELSE LEAST(now() + make_interval(secs => g.delay), d.created_at + :lifetime) END
  FROM g
  WHERE d.id = ANY(CAST(:ids AS uuid[])) AND d.id = g.id AND d.fence = g.attempt - 1
    AND g.ended IS NULL
  RETURNING d.id, d.event_id, d.job_id, d.tenant_id, d.endpoint_id),
known AS (
  SELECT id, event_id, job_id, tenant_id, endpoint_id FROM gone
  UNION ALL SELECT * FROM later),
freed AS (
  UPDATE delivery d SET next_at = now() FROM gone p JOIN g ON g.id = p.id
  WHERE g.attempt > 1 AND d.job_id = p.job_id AND d.lane_id = p.lane_id AND d.rank = p.rank
    AND d.seq > p.seq AND d.fence = 0 AND d.next_at > now()),
logged AS (
  INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, status, detail, duration_ms,
    id, tenant_id, endpoint_id, job_id, type, url, trigger, started_at, ended, address, dns_ms,
    connect_ms, tls_ms, first_byte_ms, request_id, answer_headers, answer_body)
  SELECT k.event_id, k.id, g.attempt, g.outcome, g.status, g.detail, g.ms,
    g.attempt_id, k.tenant_id, k.endpoint_id, k.job_id, g.type, g.url, g.trigger, g.started_at,
    g.ended, g.address, g.dns_ms, g.connect_ms, g.tls_ms, g.first_byte_ms, g.request_id,
    g.headers, decode(g.body, 'base64')
  FROM known k JOIN g ON g.id = k.id
  ON CONFLICT DO NOTHING)
SELECT x.n, g.id IS NULL AS lost FROM x
LEFT JOIN g ON g.n = x.n LEFT JOIN known k ON k.id = x.id
WHERE k.id IS NULL
""")


async def record_attempts(
    connection: AsyncConnection, records: Sequence[AttemptRecord], *, me: int
) -> list[Unrecorded]:
    """End or put off deliveries, and log their attempts.

    Returns:
        What was not written.
    """
    rows = await _RECORD.run(
        connection,
        {
            "rows": orjson.dumps(
                [{"n": n, **record} for n, record in enumerate(records)]
            ).decode(),
            "ids": [record["id"] for record in records],
            "lanes": list({record["lane"] for record in records}),
            "me": me,
            "lifetime": DELIVERY_LIFETIME,
        },
    )
    return [Unrecorded(row.n, lost=row.lost) for row in rows]
