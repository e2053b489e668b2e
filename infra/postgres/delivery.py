"""Deliveries as the owners of lanes see them: what is due, in which order.

Nothing here walks over a lane's backlog: a receiver that is down with 100,000 rows due costs
what one with ten rows costs. Who owns a lane reads its rows without writing them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from infra.postgres.sealed_content import open_events
from schemas.errors import GenqError
from schemas.events import OutboxKind
from schemas.webhooks import Payload, Trigger


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

    def content(self, payload: Payload) -> bytes | None:
        """Return the exact bytes to send; ``None``: there is no event any more."""
        thin = self.thin if payload is Payload.THIN else None
        return self.body if thin is None else thin


@dataclass(frozen=True, slots=True)
class Want:
    """What a lane could use.

    Attributes:
        live: So many deliveries that are live.
        past: So many that a recovery sends again.
        held: Those that its owner has already.
        in_order: The events of one job are sent in their order.
        spare: So many more are looked at, because some have to wait for others.
    """

    lane_id: int
    live: int
    past: int
    held: Collection[UUID]
    in_order: bool
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A delivery that is due.

    Attributes:
        waits_until: When an earlier event of its job, which must be sent before, is due;
            ``None``: it can be sent.
        pushed: It stands before that one, and must come after it.
        superseded: It tells of progress, and there is newer.
    """

    owed: Owed
    waits_until: datetime | None
    pushed: bool
    superseded: bool


_log: Final = structlog.get_logger()

# By hand nobody asks for so many at once, and they are the newest that are due.
_NEWEST: Final = 64
_BY_HAND: Final = [int(Trigger.MANUAL), int(Trigger.TEST)]

_COLUMNS: Final = """d.id, d.fence, d.attempt, d.event_id, d.job_id, d.lane_id, d.endpoint_id,
  d.tenant_id, d.origin, d.url, now() - d.created_at AS age, d.kind, d.seq, d.rank, d.trigger"""

# The two parts are ranges of one index each, in its order: deliveries that are due later, of
# whichever rank, are not walked over. LIMIT 1 where EXISTS could do: of that the planner might
# make a table of all that is owed.
_FETCH: Final = HotStatement(f"""
WITH s AS MATERIALIZED (
  SELECT lane_id, depth, past, CAST(held AS uuid[]) AS held, in_order FROM unnest(
    CAST(:lanes AS bigint[]), CAST(:depths AS int[]), CAST(:pasts AS int[]),
    CAST(:held AS text[]), CAST(:in_order AS boolean[]))
  AS s(lane_id, depth, past, held, in_order)),
d AS MATERIALIZED (
  SELECT d.*, s.in_order AND d.trigger <> ALL(CAST(:by_hand AS smallint[])) AS in_order
  FROM s CROSS JOIN LATERAL (
    SELECT * FROM (
      (SELECT * FROM delivery WHERE lane_id = s.lane_id AND rank = 0 AND next_at <= now()
       ORDER BY next_at LIMIT s.depth)
      UNION ALL
      (SELECT * FROM delivery WHERE lane_id = s.lane_id AND rank = 1 AND next_at <= now()
       ORDER BY next_at LIMIT s.past)) u) d
  WHERE d.id <> ALL(s.held) AND (d.lease_until IS NULL OR d.lease_until <= now())),
e AS MATERIALIZED (
  SELECT d.*,
    CASE WHEN in_order THEN (
      SELECT max(b.next_at) FROM delivery b
      WHERE b.job_id = d.job_id AND b.lane_id = d.lane_id AND b.rank = d.rank
        AND b.seq < d.seq AND b.trigger <> ALL(CAST(:by_hand AS smallint[])))
      END AS waits_until,
    d.kind = :progress AND (
      SELECT true FROM delivery a
      WHERE a.job_id = d.job_id AND a.lane_id = d.lane_id AND a.seq > d.seq
      LIMIT 1) IS NOT NULL AS superseded
  FROM d)
SELECT {_COLUMNS}, d.waits_until, d.waits_until > d.next_at AS pushed, d.superseded,
  o.type, o.body, o.thin
FROM e d LEFT JOIN LATERAL (
  SELECT type, body, thin FROM outbox
  WHERE job_id = d.job_id AND id = d.event_id AND d.waits_until IS NULL AND NOT d.superseded
  LIMIT 1) o ON true
ORDER BY d.lane_id, d.rank, d.next_at, d.seq
""")

_FETCH_BY_HAND: Final = HotStatement(f"""
SELECT {_COLUMNS}, CAST(NULL AS timestamptz) AS waits_until, false AS pushed,
  false AS superseded, o.type, o.body, o.thin
FROM unnest(CAST(:lanes AS bigint[])) s(lane_id) CROSS JOIN LATERAL (
  SELECT * FROM delivery WHERE lane_id = s.lane_id AND rank = 0 AND next_at <= now()
  ORDER BY next_at DESC LIMIT :newest) d
LEFT JOIN LATERAL (
  SELECT type, body, thin FROM outbox WHERE job_id = d.job_id AND id = d.event_id
  LIMIT 1) o ON true
WHERE d.trigger = ANY(CAST(:by_hand AS smallint[]))
  AND (d.lease_until IS NULL OR d.lease_until <= now())
ORDER BY d.lane_id, d.next_at
""")

_PUSH: Final = HotStatement("""
UPDATE delivery d SET next_at = x.after + interval '1 microsecond'
FROM unnest(CAST(:ids AS uuid[]), CAST(:afters AS timestamptz[])) AS x(id, after)
WHERE d.id = ANY(CAST(:ids AS uuid[])) AND d.id = x.id AND d.next_at < x.after
""")


_LATER: Final = text("SELECT now() + INTERVAL '1 minute'")


async def fetch_due(connection: AsyncConnection, wants: Collection[Want]) -> list[Found]:
    """Return what is due in lanes, each lane's in the order in which it is to be sent.

    More may be returned than is wanted: of those that can be sent, the first are next.

    Args:
        connection: To read with.
        wants: Of lanes that the caller owns.
    """
    if not wants:
        return []
    rows = await _FETCH.run(
        connection,
        {
            "lanes": [want.lane_id for want in wants],
            "depths": [_depth(want, want.live) for want in wants],
            "pasts": [_depth(want, want.past) for want in wants],
            "held": ["{" + ",".join(map(str, want.held)) + "}" for want in wants],
            "in_order": [want.in_order for want in wants],
            "by_hand": _BY_HAND,
            "progress": int(OutboxKind.PROGRESS),
        },
    )
    return await _opened(connection, rows)


async def fetch_by_hand(
    connection: AsyncConnection, lanes: Sequence[int], *, tests_only: bool
) -> list[Found]:
    """Return what somebody asked for, and is due, in lanes that send nothing else now.

    Args:
        connection: To read with.
        lanes: Whose breaker is open, or whose endpoint is disabled.
        tests_only: Leave out what was asked for again.
    """
    if not lanes:
        return []
    triggers = [int(Trigger.TEST)] if tests_only else _BY_HAND
    values = {"lanes": list(lanes), "newest": _NEWEST, "by_hand": triggers}
    found = await _opened(connection, await _FETCH_BY_HAND.run(connection, values))
    return [one for one in found if one.waits_until is None]


async def push_behind(connection: AsyncConnection, found: Sequence[Found]) -> None:
    """Have deliveries come due after those that they wait for."""
    values = {
        "ids": [one.owed.id for one in found],
        "afters": [one.waits_until for one in found],
    }
    await _PUSH.run(connection, values)


def _depth(want: Want, most: int) -> int:
    return most + len(want.held) + want.spare if most else 0


async def _opened(connection: AsyncConnection, rows: Sequence[Any]) -> list[Found]:
    """Return deliveries with their events opened; one that does not open is put off."""
    full = [(row.tenant_id, row.event_id, bytes(row.body)) for row in rows if row.body]
    opened = iter(await open_events(connection, full))
    found: list[Found] = []
    for row in rows:
        body = next(opened) if row.body else row.body
        if isinstance(body, GenqError):
            # Its key may come back: nothing is lost, and nobody else waits for it.
            _log.critical("event_unreadable", reason=body.message)
            later = (await connection.execute(_LATER)).scalar_one()
            found.append(Found(_owed(row, None), later, pushed=True, superseded=False))
        else:
            owed = _owed(row, None if body is None else bytes(body))
            found.append(Found(owed, row.waits_until, bool(row.pushed), row.superseded))
    return found


def _owed(row: Any, body: bytes | None) -> Owed:
    return Owed(
        id=row.id,
        attempt=row.fence + 1,
        failures=row.attempt,
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
        body=body,
        thin=None if row.thin is None else bytes(row.thin),
    )
