"""The audit log's rows: appended one at a time per chain, read in order, never changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.audit_bytes import entry_hash
from schemas.audit import GENESIS, Anchor, AuditEntry, Detail, Head

# "au"; budgets have a class of their own.
_LOCK_CLASS: Final = 0x6175

# Held until the caller's commit: the next entry of this chain follows what is committed.
_LOCK: Final = text(
    "SELECT pg_advisory_xact_lock(:class, CAST(hashint8(:tenant_id) AS integer))"
)
# A statement of its own, so that it sees what was committed while the lock was waited for.
_HEAD: Final = text("""
SELECT clock_timestamp() AS at, seq, hash FROM (SELECT 1) AS always
LEFT JOIN LATERAL (SELECT seq, hash FROM audit_log WHERE tenant_id = :tenant_id
  ORDER BY seq DESC LIMIT 1) AS h ON true
""")
_APPEND: Final = text("""
INSERT INTO audit_log (tenant_id, seq, at, actor, action, object, detail, prev, hash)
VALUES (:tenant_id, :seq, :at, :actor, :action, :object, CAST(:detail AS jsonb), :prev, :hash)
""")
_CHAIN: Final = text("""
SELECT tenant_id, seq, at, actor, action, object, detail, prev, hash FROM audit_log
WHERE tenant_id = :tenant_id AND seq > :after ORDER BY seq LIMIT :limit
""")
_LATEST: Final = text("""
SELECT tenant_id, seq, at, actor, action, object, detail, prev, hash FROM audit_log
WHERE tenant_id = :tenant_id AND seq < COALESCE(CAST(:before AS bigint), 9223372036854775807)
ORDER BY seq DESC LIMIT :limit
""")
# An entry is as old as its transaction's last wait: one that was open for a while is found by
# looking further back than the last anchor.
_MOVED: Final = text("""
SELECT m.tenant_id, h.seq, h.hash FROM (
  SELECT DISTINCT tenant_id FROM audit_log
  WHERE at > COALESCE(CAST(:since AS timestamptz) - interval '1 hour', '-infinity')) AS m
CROSS JOIN LATERAL (
  SELECT seq, hash FROM audit_log a WHERE a.tenant_id = m.tenant_id
  ORDER BY seq DESC LIMIT 1) AS h
ORDER BY m.tenant_id
""")
_CHAINS: Final = text("SELECT DISTINCT tenant_id FROM audit_log ORDER BY tenant_id")
_CLOCK: Final = text("SELECT clock_timestamp()")
# Two dispatchers at once make one anchor. It is durable, whatever else a dispatcher commits:
# one that is outside of the database must never be missing in it.
_ANCHOR_TURN: Final = text("""
SELECT pg_try_advisory_xact_lock(:class, 0), set_config('synchronous_commit', 'on', true)
""")
_LAST_ANCHOR: Final = text("""
SELECT id, at, heads, signature, key_id FROM audit_anchor ORDER BY id DESC LIMIT 1
""")
_ANCHORS: Final = text("""
SELECT id, at, heads, signature, key_id FROM audit_anchor WHERE id > :after
ORDER BY id LIMIT :limit
""")
_ADD_ANCHOR: Final = text("""
INSERT INTO audit_anchor (at, heads, signature, key_id)
VALUES (:at, CAST(:heads AS jsonb), :signature, :key_id) RETURNING id
""")


async def append_entry(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    actor: str,
    action: str,
    of: str,
    detail: Detail,
) -> AuditEntry:
    """Add an entry to a tenant's chain; it counts once the caller commits.

    Whoever appends to the same chain meanwhile waits for that commit.

    Args:
        connection: In the transaction of what is recorded, so that both happen or neither.
        tenant_id: Whose chain; ``schemas.audit.INSTALLATION`` for none.
        actor: Who.
        action: What, such as ``key.created``.
        of: To what.
        detail: See ``AuditEntry.detail``.
    """
    await connection.execute(_LOCK, {"class": _LOCK_CLASS, "tenant_id": tenant_id})
    head = (await connection.execute(_HEAD, {"tenant_id": tenant_id})).one()
    entry = AuditEntry(
        tenant_id=tenant_id,
        seq=(head.seq or 0) + 1,
        at=head.at,
        actor=actor,
        action=action,
        object=of,
        detail=detail,
        prev=bytes(head.hash) if head.hash else GENESIS,
        hash=b"",
    )
    entry = replace(entry, hash=entry_hash(entry))
    await connection.execute(
        _APPEND,
        {
            "tenant_id": tenant_id,
            "seq": entry.seq,
            "at": entry.at,
            "actor": actor,
            "action": action,
            "object": of,
            "detail": orjson.dumps(detail).decode(),
            "prev": entry.prev,
            "hash": entry.hash,
        },
    )
    return entry


async def read_chain(
    connection: AsyncConnection, tenant_id: int, *, after: int, limit: int
) -> list[AuditEntry]:
    """Return entries of a chain in their order, from the one past ``after``."""
    rows = await connection.execute(
        _CHAIN, {"tenant_id": tenant_id, "after": after, "limit": limit}
    )
    return [_entry(row) for row in rows]


async def latest_entries(
    connection: AsyncConnection, tenant_id: int, *, before: int | None, limit: int
) -> list[AuditEntry]:
    """Return entries of a chain, newest first, older than ``before``."""
    rows = await connection.execute(
        _LATEST, {"tenant_id": tenant_id, "before": before, "limit": limit}
    )
    return [_entry(row) for row in rows]


async def moved_heads(connection: AsyncConnection, since: datetime | None) -> list[Head]:
    """Return how far every chain has come that moved since then, and perhaps some more."""
    rows = await connection.execute(_MOVED, {"since": since})
    return [Head(row.tenant_id, row.seq, bytes(row.hash)) for row in rows]


async def chains(connection: AsyncConnection) -> list[int]:
    """Return whose chains there are."""
    return list((await connection.execute(_CHAINS)).scalars())


async def anchor_time(connection: AsyncConnection) -> datetime:
    """Return PostgreSQL's time now."""
    return (await connection.execute(_CLOCK)).scalar_one()


async def take_anchor_turn(connection: AsyncConnection) -> bool:
    """Tell whether nobody else anchors now; nobody will until the transaction ends."""
    row = await connection.execute(_ANCHOR_TURN, {"class": _LOCK_CLASS})
    return bool(row.one()[0])


async def last_anchor(connection: AsyncConnection) -> Anchor | None:
    """Return the newest anchor."""
    row = (await connection.execute(_LAST_ANCHOR)).one_or_none()
    return _anchor(row) if row else None


async def read_anchors(
    connection: AsyncConnection, *, after: int, limit: int
) -> Sequence[Anchor]:
    """Return anchors in their order, from the one past ``after``."""
    rows = await connection.execute(_ANCHORS, {"after": after, "limit": limit})
    return [_anchor(row) for row in rows]


async def add_anchor(connection: AsyncConnection, anchor: Anchor) -> int:
    """Keep a signed anchor and return its number; ``anchor.id`` is not looked at."""
    row = await connection.execute(
        _ADD_ANCHOR,
        {
            "at": anchor.at,
            "heads": anchor.body.decode(),
            "signature": anchor.signature,
            "key_id": anchor.key_id,
        },
    )
    return int(row.scalar_one())


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        tenant_id=row.tenant_id,
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        action=row.action,
        object=row.object,
        detail=row.detail,
        prev=bytes(row.prev),
        hash=bytes(row.hash),
    )


def _anchor(row: Row[Any]) -> Anchor:
    # jsonb keeps no spaces and no order; the canonical form has none and sorts.
    body = orjson.dumps(row.heads, option=orjson.OPT_SORT_KEYS)
    return Anchor(row.id, row.at, body, bytes(row.signature), row.key_id)
