"""The walk of a recovery over a tenant's events, step by step.

A step reads some hundred events behind the cursor, owes those that fit, and moves the cursor:
one statement. Whoever dies within it has done nothing, and the next goes on where it was.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.fan_out import WOKEN
from infra.postgres.partitions import first_key
from infra.postgres.recoveries import recovery_of_row
from infra.postgres.resends import SEQUENCE
from infra.postgres.short_looks import look_shortly
from schemas.events import OutboxKind
from schemas.webhook_recovery import Only, Recovery
from schemas.webhooks import Ended, Trigger

# The most of a lane that was recovered and waits.
MOST_WAITING: Final = 1_000
CHUNK: Final = 500
# Clocks differ: those of workers make the ids, that of PostgreSQL the instants.
_SLACK: Final = timedelta(hours=1)
# A step takes some hundredths of a second.
_PATIENCE: Final = timedelta(seconds=30)
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)

# The one that was looked at longest ago; two processes never hold the same one.
_TAKE: Final = text("""
SELECT r.*, e.id IS NULL AS gone, e.disabled_at IS NOT NULL AS disabled,
  COALESCE(l.blocked_until > now(), false) AS blocked, (
  SELECT count(*) FROM (
    SELECT 1 FROM delivery
    WHERE lane_id = l.id AND rank = 1
    LIMIT :most) w) AS waiting
FROM webhook_recovery r LEFT JOIN webhook_endpoint e ON e.id = r.endpoint_id
LEFT JOIN webhook_lane l ON l.tenant_id = r.tenant_id AND l.endpoint_id = r.endpoint_id
WHERE r.finished_at IS NULL AND (r.lease_until IS NULL OR r.lease_until <= now())
ORDER BY r.lease_until NULLS FIRST, r.created_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED
""")
_PUT_OFF: Final = text("""
UPDATE webhook_recovery SET lease_until = clock_timestamp() + :pause WHERE id = :id
""")
_END: Final = text("""
UPDATE webhook_recovery SET finished_at = now(), error = :error WHERE id = :id
""")

_ASKED_FOR: Final = """
e.event_types && ARRAY[l.type, split_part(l.type, '.', 1) || '.*']
AND (e.channels IS NULL OR e.channels && l.channels)
AND (e.filter IS NULL
  OR e.filter <@ COALESCE((SELECT metadata FROM job WHERE id = l.job_id), '{}'))
"""
# One look-up an event, whatever the planner thinks of whole tables.
_NEWEST_END: Final = """
(SELECT a.ended FROM delivery_attempt a WHERE a.event_id = l.id AND a.endpoint_id = e.id
 ORDER BY a.delivery_id DESC, a.n DESC LIMIT 1)
"""
_TAKEN: Final = """
(SELECT 1 FROM delivery_attempt a
 WHERE a.event_id = l.id AND a.endpoint_id = e.id AND a.ended = :delivered LIMIT 1)
"""
_PENDING: Final = """
(SELECT 1 FROM delivery d
 WHERE d.job_id = l.job_id AND d.event_id = l.id AND d.endpoint_id = e.id LIMIT 1)
"""
_WANTED: Final = {
    Only.FAILED: f"{_NEWEST_END} = ANY (CAST(:lost AS smallint[]))",
    Only.MISSING: f"{_ASKED_FOR} AND {_TAKEN} IS NULL",
    Only.ALL: _ASKED_FOR,
}

# What is owed is owed in the order of the walk, so each is due a little after the one before.
_STEP: Final = """
WITH looked AS MATERIALIZED (
  SELECT job_id, id, kind, type, at, channels, octet_length(body) AS bytes FROM outbox
  WHERE tenant_id = :tenant_id AND id {beyond} :from AND id {within} :to
  ORDER BY id {order} LIMIT :chunk),
fits AS MATERIALIZED (
  SELECT l.job_id, l.id, l.kind, e.url, e.origin,
    row_number() OVER (ORDER BY l.id {order}) AS place
  FROM looked l
  JOIN webhook_endpoint e ON e.id = :endpoint_id AND e.tenant_id = :tenant_id
  WHERE l.at >= :since AND l.at < :until AND l.bytes > 0
    AND l.kind = ANY (CAST(:kinds AS smallint[])) AND {wanted} AND {pending} IS NULL
  ORDER BY l.id {order} LIMIT :room),
owed AS (
  INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, endpoint_id, kind, seq,
    rank, trigger, next_at)
  SELECT uuidv7(), f.id, f.job_id, :tenant_id, f.url, f.origin, :endpoint_id, f.kind,
    {sequence}, 1, :trigger, now() + f.place * interval '1 microsecond'
  FROM fits f JOIN outbox o ON o.job_id = f.job_id AND o.id = f.id
  ORDER BY f.place
  RETURNING lane_id, tenant_id, endpoint_id, origin),
{woken},
ends AS (
  SELECT
    (SELECT id FROM looked ORDER BY id {against} LIMIT 1) AS seen,
    (SELECT id FROM fits ORDER BY id {against} LIMIT 1) AS fitted,
    (SELECT count(*) FROM looked) AS looked, (SELECT count(*) FROM fits) AS fits),
place AS (
  SELECT CASE WHEN fits >= :room THEN fitted ELSE seen END AS cursor, fits,
    fits < :room AND looked < :chunk AS over,
    CASE WHEN fits >= :room THEN (SELECT count(*) FROM looked WHERE NOT id {beyond} fitted)
      ELSE looked END AS looked
  FROM ends)
UPDATE webhook_recovery r SET cursor = COALESCE(p.cursor, r.cursor),
  looked = r.looked + p.looked,
  queued = r.queued + p.fits, lease_until = clock_timestamp(),
  finished_at = CASE WHEN p.over OR r.queued + p.fits >= r.sample THEN clock_timestamp() END
FROM place p WHERE r.id = :id AND r.tenant_id = :tenant_id
RETURNING p.fits
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A recovery that this transaction holds, and how its endpoint is.

    Attributes:
        blocked: Nothing is sent to it now.
        waiting: Recovered deliveries that the endpoint is owed, ``MOST_WAITING`` at the most.
    """

    recovery: Recovery
    gone: bool
    disabled: bool
    blocked: bool
    waiting: int


async def take_recovery(connection: AsyncConnection) -> Held | None:
    """Hold a recovery until the end of the transaction; ``None`` if there is nothing to do."""
    row = (await connection.execute(_TAKE, {"most": MOST_WAITING})).one_or_none()
    if row is None:
        return None
    return Held(recovery_of_row(row), row.gone, row.disabled, row.blocked, row.waiting)


async def put_off(connection: AsyncConnection, held: Held, pause: timedelta) -> None:
    """Leave a recovery alone for a while."""
    await connection.execute(_PUT_OFF, {"id": held.recovery.id, "pause": pause})


async def end_recovery(connection: AsyncConnection, held: Held, error: str) -> None:
    """End a recovery that cannot go on."""
    await connection.execute(_END, {"id": held.recovery.id, "error": error})


async def step_recovery(
    connection: AsyncConnection, held: Held, *, chunk: int = CHUNK, most: int = MOST_WAITING
) -> int:
    """Look at the next ``chunk`` events, and owe those that fit, as long as there is room.

    Returns:
        How many deliveries were made. Ring ``DELIVER`` after the commit if it is any.
    """
    recovery = held.recovery
    newest_first = recovery.sample is not None
    low = first_key(max(recovery.since, _EARLIEST) - _SLACK)
    high = first_key(max(recovery.until, _EARLIEST) + _SLACK)
    begin, to = (high, low) if newest_first else (low, high)
    room = max(most - held.waiting, 0)
    if recovery.sample is not None:
        room = min(room, recovery.sample - recovery.queued)
    statement = _STEP.format(
        beyond="<" if newest_first else ">",
        within=">" if newest_first else "<",
        order="DESC" if newest_first else "ASC",
        against="ASC" if newest_first else "DESC",
        wanted=_WANTED[recovery.only],
        pending=_PENDING,
        sequence=SEQUENCE,
        woken=WOKEN,
    )
    values: dict[str, Any] = {
        "id": recovery.id,
        "tenant_id": recovery.tenant_id,
        "endpoint_id": recovery.endpoint_id,
        "from": recovery.cursor or begin,
        "to": to,
        "since": recovery.since,
        "until": recovery.until,
        "chunk": chunk,
        "room": room,
        "trigger": int(Trigger.RECOVER),
        "kinds": [OutboxKind.TERMINAL, OutboxKind.LIFECYCLE, OutboxKind.NOTICE],
        "lost": [Ended.EXHAUSTED, Ended.DISCARDED],
        "delivered": int(Ended.DELIVERED),
    }
    await look_shortly(connection, _PATIENCE)
    return (await connection.execute(text(statement), values)).scalar_one()
