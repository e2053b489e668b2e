"""A tenant's feed: its terminal events in the order of their transactions, none left out.

A row's transaction id says where it stands. Ids are given out before transactions commit, so
a reader goes no further than the oldest transaction that is still open: what becomes visible
later stands behind everything that was ever read. A transaction that stays open holds the feed
back, and nothing is lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from infra.postgres.sealed_content import open_events
from schemas.erased_event import erased_event
from schemas.events import EventType, OutboxKind
from schemas.ids import InvalidIdError, format_id, parse_id

_DIGITS: Final = 19
# With a filter, or between others, so many events are looked at for one page.
_LOOKED_AT: Final = 1_000


class Cursor(NamedTuple):
    """An event's place in its tenant's feed."""

    tx: int
    id: UUID

    def __str__(self) -> str:
        """Return its public form."""
        return f"{self.tx}-{format_id('evt', self.id)}"


START: Final = Cursor(0, UUID(int=0))


class InvalidCursorError(ValueError):
    """The text is no cursor of a feed."""


def parse_cursor(written: str) -> Cursor:
    """Return what ``str(cursor)`` wrote.

    Raises:
        InvalidCursorError: It did not write this.
    """
    tx, _, event = written.partition("-")
    try:
        if not (tx.isascii() and tx.isdigit() and len(tx) <= _DIGITS):
            raise InvalidCursorError(written)
        return Cursor(int(tx), parse_id("evt", event))
    except InvalidIdError:
        raise InvalidCursorError(written) from None


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event: where it stands, its type, and the bytes as they are signed and sent."""

    cursor: Cursor
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class FeedPage:
    """What was found behind a cursor.

    Attributes:
        events: In order.
        next: Behind everything that was looked at.
        has_more: There may be more now.
        expired: Retention took events that stood behind the cursor.
    """

    events: tuple[FeedEvent, ...]
    next: Cursor
    has_more: bool
    expired: bool = False


_READ: Final = HotStatement("""
SELECT o.tx::text AS tx, o.id, o.type,
  CASE WHEN o.kind = :terminal
    AND (CAST(:types AS text[]) IS NULL OR o.type = ANY (CAST(:types AS text[])))
    THEN o.body END AS body
FROM outbox o
WHERE o.tenant_id = :tenant
  AND (o.tx, o.id) > (CAST(CAST(:tx AS text) AS xid8), CAST(:id AS uuid))
  AND o.tx < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY o.tx, o.id LIMIT :most
""")

_EXPIRED: Final = HotStatement("""
SELECT (feed_floor_tx, feed_floor_id) > (CAST(CAST(:tx AS text) AS xid8), CAST(:id AS uuid))
  AS expired
FROM tenant WHERE id = :tenant AND feed_floor_tx IS NOT NULL
""")

_NOW: Final = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")

_NEWEST: Final = HotStatement("""
SELECT x.tenant_id, n.tx::text AS tx, n.id
FROM unnest(CAST(:tenants AS bigint[])) AS x(tenant_id)
CROSS JOIN LATERAL (
  SELECT o.tx, o.id FROM outbox o
  WHERE o.tenant_id = x.tenant_id AND o.tx < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY o.tx DESC, o.id DESC LIMIT 1) n
""")

_KEEP_FLOORS: Final = """
UPDATE tenant SET feed_floor_tx = n.tx, feed_floor_id = n.id
FROM tenant t CROSS JOIN LATERAL (
  SELECT o.tx, o.id FROM {partition} o WHERE o.tenant_id = t.id
  ORDER BY o.tx DESC, o.id DESC LIMIT 1) n
WHERE tenant.id = t.id
  AND (t.feed_floor_tx IS NULL OR (t.feed_floor_tx, t.feed_floor_id) < (n.tx, n.id))
"""


async def read_feed(
    connection: AsyncConnection,
    tenant_id: int,
    after: Cursor,
    *,
    limit: int,
    types: Sequence[EventType] = (),
) -> FeedPage:
    """Return up to ``limit`` events behind ``after``, of these types or of all.

    With a filter a page may be short, or empty, although there are more: ``has_more`` tells.
    So it may where webhooks hear of more than the feed does, which tells of ends alone.
    """
    values = {
        **_place(tenant_id, after),
        "types": [kind.value for kind in types] or None,
        "terminal": int(OutboxKind.TERMINAL),
    }
    most = max(limit, _LOOKED_AT) if types else limit
    rows = await _READ.run(connection, values | {"most": most + 1})
    if most < _LOOKED_AT and len(rows) > most and any(row.body is None for row in rows):
        most = _LOOKED_AT
        rows = await _READ.run(connection, values | {"most": most + 1})
    seen = rows[:most]
    events: list[FeedEvent] = []
    upto = after
    more = len(rows) > most
    stored = [(tenant_id, row.id, bytes(row.body)) for row in seen if row.body is not None]
    opened = iter(await open_events(connection, stored))
    for row in seen:
        if len(events) == limit:
            more = True
            break
        upto = Cursor(int(row.tx), row.id)
        if row.body is not None:
            body = next(opened)
            if not isinstance(body, bytes):
                raise body
            body = body or erased_event(row.id, row.type)
            events.append(FeedEvent(upto, row.type, body))
    return FeedPage(tuple(events), upto, more)


async def is_expired(connection: AsyncConnection, tenant_id: int, after: Cursor) -> bool:
    """Return whether retention took events behind ``after``."""
    rows = await _EXPIRED.run(connection, _place(tenant_id, after))
    return bool(rows and rows[0].expired)


async def feed_now(connection: AsyncConnection) -> Cursor:
    """Return a cursor behind everything that can be read now."""
    oldest_open = (await connection.execute(_NOW)).scalar_one()
    return Cursor(int(oldest_open) - 1, UUID(int=(1 << 128) - 1))


async def newest_events(
    connection: AsyncConnection, tenants: Sequence[int]
) -> Mapping[int, Cursor]:
    """Return the last readable event of each tenant that has one."""
    rows = await _NEWEST.run(connection, {"tenants": list(tenants)})
    return {row.tenant_id: Cursor(int(row.tx), row.id) for row in rows}


async def keep_floors(connection: AsyncConnection, partition: str) -> None:
    """Note what the feeds lose with a partition of the outbox that is about to be dropped."""
    await connection.execute(text(_KEEP_FLOORS.format(partition=partition)))


def _place(tenant_id: int, cursor: Cursor) -> dict[str, Any]:
    return {"tenant": tenant_id, "tx": str(cursor.tx), "id": cursor.id}
