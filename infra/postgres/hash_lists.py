"""Block lists: fingerprints of what is not to be made or taken. Tenant 0: everybody's."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

EVERYBODY: Final = 0
"""Whose lists count for all tenants."""

_COLUMNS: Final = "id, tenant_id, name, category, action, revision, created_at"
_COUNT: Final = "(SELECT count(*) FROM hash_entry e WHERE e.list_id = l.id)"
_PAGE: Final = 20_000

_ALL: Final = text("""
SELECT id, tenant_id, name, category, action, revision, created_at FROM hash_list
ORDER BY tenant_id, name
""")
_OF: Final = text(f"""
SELECT {_COLUMNS}, {_COUNT} AS entries FROM hash_list l
WHERE tenant_id = ANY(CAST(:tenants AS bigint[])) ORDER BY tenant_id, name
""")
_FIND: Final = text(f"""
SELECT {_COLUMNS}, {_COUNT} AS entries FROM hash_list l
WHERE tenant_id = :tenant_id AND name = :name
""")
_ADD: Final = text(f"""
INSERT INTO hash_list AS l (tenant_id, name, category, action)
VALUES (:tenant_id, :name, :category, :action)
ON CONFLICT (tenant_id, name) DO NOTHING RETURNING {_COLUMNS}, 0 AS entries
""")
_LOCK: Final = text("""
SELECT id FROM hash_list WHERE tenant_id = :tenant_id AND name = :name FOR UPDATE
""")
_COUNTED: Final = text("SELECT count(*) FROM hash_entry WHERE list_id = :id")
_IMPORT: Final = text("""
WITH a AS (
  INSERT INTO hash_entry (list_id, algorithm, hash, note)
  SELECT :id, x.* FROM unnest(CAST(:algorithms AS text[]), CAST(:hashes AS bytea[]),
    CAST(:notes AS text[])) AS x(algorithm, hash, note)
  ON CONFLICT DO NOTHING RETURNING 1),
r AS (UPDATE hash_list SET revision = revision + 1
      WHERE id = :id AND EXISTS (SELECT 1 FROM a))
SELECT count(*) FROM a
""")
_TAKE: Final = text("""
WITH d AS (
  DELETE FROM hash_entry e USING unnest(CAST(:algorithms AS text[]), CAST(:hashes AS bytea[]))
    AS x(algorithm, hash)
  WHERE e.list_id = :id AND e.algorithm = x.algorithm AND e.hash = x.hash RETURNING 1),
r AS (UPDATE hash_list SET revision = revision + 1
      WHERE id = :id AND EXISTS (SELECT 1 FROM d))
SELECT count(*) FROM d
""")
_DELETE: Final = text("""
WITH d AS (DELETE FROM hash_list WHERE tenant_id = :tenant_id AND name = :name RETURNING id),
e AS (DELETE FROM hash_entry USING d WHERE list_id = d.id RETURNING 1)
SELECT d.id, (SELECT count(*) FROM e) AS entries FROM d
""")
_ENTRIES: Final = text("""
SELECT algorithm, hash, note FROM hash_entry
WHERE list_id = :id AND (algorithm, hash) > (:algorithm, :hash)
ORDER BY algorithm, hash LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class HashList:
    """One list.

    Attributes:
        tenant_id: Whose; ``EVERYBODY`` for all.
        action: ``schemas.safety.Action`` as a number.
        revision: Moves with every change of its entries.
        entries: How many, where that was counted.
    """

    id: UUID
    tenant_id: int
    name: str
    category: str
    action: int
    revision: int
    created_at: datetime
    entries: int = 0


@dataclass(frozen=True, slots=True)
class HashEntry:
    """One fingerprint: its algorithm's name, its bytes, and what somebody noted of it."""

    algorithm: str
    hash: bytes
    note: str | None = None


async def all_lists(connection: AsyncConnection) -> list[HashList]:
    """Return every list, without counting entries: for the cache of a process."""
    return [_list(row) for row in await connection.execute(_ALL)]


async def lists_of(connection: AsyncConnection, tenants: Sequence[int]) -> list[HashList]:
    """Return the lists of some tenants, by name."""
    rows = await connection.execute(_OF, {"tenants": list(tenants)})
    return [_list(row, row.entries) for row in rows]


async def find_list(connection: AsyncConnection, tenant_id: int, name: str) -> HashList | None:
    """Return a list, if there is one."""
    row = await connection.execute(_FIND, {"tenant_id": tenant_id, "name": name})
    return _maybe(row.one_or_none())


async def add_list(
    connection: AsyncConnection, tenant_id: int, *, name: str, category: str, action: int
) -> HashList | None:
    """Make an empty list; ``None`` if the tenant has one of this name."""
    told = {"tenant_id": tenant_id, "name": name, "category": category, "action": action}
    return _maybe((await connection.execute(_ADD, told)).one_or_none())


async def lock_list(connection: AsyncConnection, tenant_id: int, name: str) -> UUID | None:
    """Let nobody else change a list until the transaction ends; return its id."""
    row = await connection.execute(_LOCK, {"tenant_id": tenant_id, "name": name})
    return row.scalar_one_or_none()


async def count_entries(connection: AsyncConnection, list_id: UUID) -> int:
    """Return how many entries a list has."""
    return int((await connection.execute(_COUNTED, {"id": list_id})).scalar_one())


async def import_entries(
    connection: AsyncConnection, list_id: UUID, entries: Sequence[HashEntry]
) -> int:
    """Put entries on a list; return how many of them were new. ``lock_list`` comes before."""
    told = {**_columns(entries), "id": list_id, "notes": [one.note for one in entries]}
    return int((await connection.execute(_IMPORT, told)).scalar_one())


async def take_entries(
    connection: AsyncConnection, list_id: UUID, entries: Sequence[HashEntry]
) -> int:
    """Take entries off a list; return how many were on it. ``lock_list`` comes before."""
    row = await connection.execute(_TAKE, {**_columns(entries), "id": list_id})
    return int(row.scalar_one())


async def delete_list(connection: AsyncConnection, tenant_id: int, name: str) -> int | None:
    """Delete a list; return how many entries it had, ``None`` if there is no such list."""
    row = await connection.execute(_DELETE, {"tenant_id": tenant_id, "name": name})
    found = row.one_or_none()
    return None if found is None else int(found.entries)


async def list_entries(
    connection: AsyncConnection, list_id: UUID, *, after: HashEntry | None, limit: int
) -> list[HashEntry]:
    """Return entries of a list in their order, from the one past ``after``."""
    rows = await connection.execute(
        _ENTRIES,
        {
            "id": list_id,
            "algorithm": after.algorithm if after else "",
            "hash": after.hash if after else b"",
            "limit": limit,
        },
    )
    return [HashEntry(row.algorithm, bytes(row.hash), row.note) for row in rows]


async def entries_of(
    connection: AsyncConnection, list_id: UUID
) -> AsyncGenerator[list[HashEntry]]:
    """Yield the entries of a list, in their order, many at a time."""
    after: HashEntry | None = None
    while True:
        found = await list_entries(connection, list_id, after=after, limit=_PAGE)
        yield found
        if len(found) < _PAGE:
            return
        after = found[-1]


def _columns(entries: Sequence[HashEntry]) -> dict[str, Any]:
    return {
        "algorithms": [one.algorithm for one in entries],
        "hashes": [one.hash for one in entries],
    }


def _maybe(row: Row[Any] | None) -> HashList | None:
    return None if row is None else _list(row, row.entries)


def _list(row: Row[Any], entries: int = 0) -> HashList:
    return HashList(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        category=row.category,
        action=row.action,
        revision=row.revision,
        created_at=row.created_at,
        entries=int(entries),
    )
