"""Rows of files: put in, seen by their tenant, deleted, and taken away when their bytes are.

A row is there before its bytes are, unseen, and until its bytes are gone: whatever process
dies on the way, the janitor finds the row, and through it the bytes. ``deleted_at`` in the
future says that a file is on its way, and until when it may be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.stored_file import FilePurpose, FileRecord

ON_ITS_WAY: Final = timedelta(hours=6)
"""How long it may take until the bytes of a file are stored."""

FILE_COLUMNS: Final = """
  f.id, f.tenant_id, f.purpose, f.filename, f.content_type, f.bytes, f.sha256, f.object_key,
  f.batch_id, f.created_at, f.expires_at, f.key"""
"""What ``file_of_row`` reads, of a table that a statement calls ``f``."""
FILE_SEEN: Final = "f.deleted_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > now())"
"""Which files of the same table callers see."""

_COLUMNS: Final = f"SELECT {FILE_COLUMNS} FROM file f"
_SEEN: Final = FILE_SEEN

_INSERT: Final = text("""
INSERT INTO file (id, tenant_id, purpose, filename, content_type, bytes, sha256, object_key,
  batch_id, created_at, expires_at, key, deleted_at)
VALUES (:id, :tenant_id, :purpose, :filename, :content_type, :bytes, :sha256, :object_key,
  CAST(:batch_id AS uuid), :created_at, CAST(:expires_at AS timestamptz), :key,
  now() + CAST(:on_its_way AS interval))
""")
_PUBLISH: Final = text("""
UPDATE file SET deleted_at = NULL
WHERE id = :id AND tenant_id = :tenant_id AND deleted_at > now()
""")
_ABANDON: Final = text("""
UPDATE file SET deleted_at = now()
WHERE id = :id AND tenant_id = :tenant_id AND deleted_at > now()
""")
_ONE: Final = text(f"{_COLUMNS} WHERE f.id = :id AND f.tenant_id = :tenant_id AND {_SEEN}")
# Its bytes stay as long as an unfinished batch reads them, whatever callers see.
_INPUT: Final = text(f"{_COLUMNS} WHERE f.id = :id AND f.tenant_id = :tenant_id")
_PAGE: Final = f"""
{_COLUMNS} WHERE f.tenant_id = :tenant_id AND {_SEEN} AND f.job_id IS NULL
  AND (CAST(:purpose AS text) IS NULL OR f.purpose = :purpose)
  AND (CAST(:after AS uuid) IS NULL OR f.id {{past}} CAST(:after AS uuid))
ORDER BY f.id {{order}} LIMIT :limit
"""
_NEWEST_FIRST: Final = text(_PAGE.format(past="<", order="DESC"))
_OLDEST_FIRST: Final = text(_PAGE.format(past=">", order="ASC"))
_DELETE: Final = text(f"""
UPDATE file f SET deleted_at = now()
WHERE f.id = :id AND f.tenant_id = :tenant_id AND {_SEEN}
""")

# A minute later than seen: whoever saw it then, and makes a batch of it, has committed.
_LEAVING: Final = text("""
SELECT f.id, f.object_key FROM file f
WHERE least(f.deleted_at, f.expires_at) < now() - CAST(:grace AS interval)
  AND NOT EXISTS (SELECT 1 FROM batch b WHERE b.input_file_id = f.id AND b.status < 10)
  AND NOT EXISTS (SELECT 1 FROM legal_hold h WHERE h.tenant_id = f.tenant_id
    AND h.released_at IS NULL AND h.subject IS NULL AND h.job_id IS NULL)
ORDER BY least(f.deleted_at, f.expires_at) LIMIT :limit
""")
_GRACE: Final = timedelta(minutes=1)
# As it was read: an erasure may have let it have other bytes meanwhile.
_FORGET: Final = text("""
DELETE FROM file f USING unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[])) AS x(id, key)
WHERE f.id = x.id AND f.object_key = x.key
""")


@dataclass(frozen=True, slots=True)
class LeavingFile:
    """A file whose bytes are to go, and then its row."""

    id: UUID
    object_key: str


async def insert_file(connection: AsyncConnection, file: FileRecord) -> None:
    """Put in a file whose bytes are about to be stored; nobody sees it yet.

    Commit this before the first byte goes to the store. Whoever does not publish it within
    ``ON_ITS_WAY`` has left it to the janitor.
    """
    await connection.execute(
        _INSERT,
        {
            "id": file.id,
            "tenant_id": file.tenant_id,
            "purpose": file.purpose.value,
            "filename": file.filename,
            "content_type": file.content_type,
            "bytes": file.size,
            "sha256": file.sha256,
            "object_key": file.object_key,
            "batch_id": file.batch_id,
            "created_at": file.created_at,
            "expires_at": file.expires_at,
            "key": file.key,
            "on_its_way": ON_ITS_WAY,
        },
    )


async def publish_file(connection: AsyncConnection, tenant_id: int, file_id: UUID) -> bool:
    """Let a file be seen whose bytes are stored now; return whether it was in time."""
    done = await connection.execute(_PUBLISH, {"id": file_id, "tenant_id": tenant_id})
    return done.rowcount > 0


async def abandon_file(connection: AsyncConnection, tenant_id: int, file_id: UUID) -> None:
    """Leave a file that was not published to the janitor now, instead of hours later."""
    await connection.execute(_ABANDON, {"id": file_id, "tenant_id": tenant_id})


async def get_file(
    connection: AsyncConnection, tenant_id: int, file_id: UUID
) -> FileRecord | None:
    """Return a tenant's file, or ``None``: unknown, deleted, expired, or on its way."""
    return await _one(connection, tenant_id, file_id, leaving=False)


async def get_input_file(
    connection: AsyncConnection, tenant_id: int, file_id: UUID
) -> FileRecord | None:
    """Return a tenant's file even if it was deleted, or expired, after a batch began with it.

    The janitor leaves it alone until the last such batch has ended.
    """
    return await _one(connection, tenant_id, file_id, leaving=True)


async def list_files(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    limit: int,
    after: UUID | None = None,
    purpose: str | None = None,
    oldest_first: bool = False,
) -> list[FileRecord]:
    """Return a tenant's files in the order in which they came, those past ``after``."""
    rows = await connection.execute(
        _OLDEST_FIRST if oldest_first else _NEWEST_FIRST,
        {
            "tenant_id": tenant_id,
            "purpose": purpose,
            "after": after,
            "limit": limit,
        },
    )
    return [file_of_row(row) for row in rows]


async def mark_deleted(connection: AsyncConnection, tenant_id: int, file_id: UUID) -> bool:
    """Let a tenant's file be seen no more; return whether it was there."""
    done = await connection.execute(_DELETE, {"id": file_id, "tenant_id": tenant_id})
    return done.rowcount > 0


async def leaving_files(
    connection: AsyncConnection, *, limit: int, grace: timedelta = _GRACE
) -> list[LeavingFile]:
    """Return files of all tenants that were deleted, expired or abandoned, oldest first.

    Files that an unfinished batch reads, or a hold on their whole tenant keeps, are not.

    Args:
        connection: A transaction.
        limit: The most.
        grace: How long ago they left.
    """
    rows = await connection.execute(_LEAVING, {"limit": limit, "grace": grace})
    return [LeavingFile(row.id, row.object_key) for row in rows]


async def forget_files(connection: AsyncConnection, gone: Sequence[LeavingFile]) -> None:
    """Delete the rows of files whose bytes are gone; one that has others now stays."""
    values = {"ids": [one.id for one in gone], "keys": [one.object_key for one in gone]}
    await connection.execute(_FORGET, values)


async def _one(
    connection: AsyncConnection, tenant_id: int, file_id: UUID, *, leaving: bool
) -> FileRecord | None:
    statement = _INPUT if leaving else _ONE
    found = await connection.execute(statement, {"id": file_id, "tenant_id": tenant_id})
    row = found.one_or_none()
    return None if row is None else file_of_row(row)


def file_of_row(row: Row[Any]) -> FileRecord:
    """Return the file in a row of ``FILE_COLUMNS``."""
    return FileRecord(
        id=row.id,
        tenant_id=row.tenant_id,
        purpose=FilePurpose(row.purpose),
        filename=row.filename,
        content_type=row.content_type,
        size=row.bytes,
        sha256=bytes(row.sha256),
        object_key=row.object_key,
        created_at=row.created_at,
        expires_at=row.expires_at,
        batch_id=row.batch_id,
        key=None if row.key is None else bytes(row.key),
    )
