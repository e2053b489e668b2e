"""Files in which an erasure looks for a person, one after the other, and what it puts instead.

A file is written anew beside the old one, under a row that nobody sees; then both change
places, and the janitor of files takes the old bytes away.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.files import FILE_COLUMNS, FILE_SEEN, file_of_row
from schemas.batch import BatchStatus
from schemas.errors import ObjectStoreError
from schemas.stored_file import FilePurpose, FileRecord

# Those that are on their way count: they were sent before. What leaves, and no batch needs,
# is gone in a minute.
_INPUT: Final = text(f"""
SELECT {FILE_COLUMNS}, COALESCE(f.deleted_at > now(), false) AS coming FROM file f
WHERE f.tenant_id = :tenant_id AND f.id > :after AND f.purpose = '{FilePurpose.BATCH.value}'
  AND f.created_at < :until
  AND ({FILE_SEEN} OR f.deleted_at > now() OR EXISTS (
    SELECT 1 FROM batch b
    WHERE b.input_file_id = f.id AND b.status < {BatchStatus.COMPLETED:d}))
ORDER BY f.id LIMIT 1
""")
# One that is on its way yet is written by somebody who sees which lines say nothing.
_OUTPUT: Final = text(f"""
SELECT {FILE_COLUMNS}, false AS coming FROM file f
WHERE f.tenant_id = :tenant_id AND f.id > :after
  AND f.purpose = '{FilePurpose.BATCH_OUTPUT.value}' AND {FILE_SEEN}
  AND EXISTS (
    SELECT 1 FROM batch_line l WHERE l.batch_id = f.batch_id AND l.erased_by = :erasure)
ORDER BY f.id LIMIT 1
""")

_REPLACE: Final = text("""
UPDATE file SET object_key = :object_key, key = :key, bytes = :bytes, sha256 = :sha256
WHERE id = :id AND tenant_id = :tenant_id AND object_key = :old
""")
# Without its key it opens no more, whatever becomes of the bytes.
_LEAVE: Final = text("""
UPDATE file SET object_key = :old, key = NULL, deleted_at = now()
WHERE id = :id AND tenant_id = :tenant_id AND deleted_at > now()
""")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to be looked at; ``coming``: its bytes may not be stored yet."""

    file: FileRecord
    coming: bool


async def next_input_file(
    connection: AsyncConnection, tenant_id: int, *, after: UUID, until: datetime
) -> FoundFile | None:
    """Return a tenant's next file of requests that came before an instant, by its id."""
    values = {"tenant_id": tenant_id, "after": after, "until": until}
    row = (await connection.execute(_INPUT, values)).one_or_none()
    return None if row is None else FoundFile(file_of_row(row), row.coming)


async def next_output_file(
    connection: AsyncConnection, tenant_id: int, erasure_id: UUID, *, after: UUID
) -> FoundFile | None:
    """Return the next file of a batch that has lines which this erasure emptied, by its id."""
    values = {"tenant_id": tenant_id, "erasure": erasure_id, "after": after}
    row = (await connection.execute(_OUTPUT, values)).one_or_none()
    return None if row is None else FoundFile(file_of_row(row), row.coming)


async def replace_file(
    connection: AsyncConnection, old: FileRecord, new: FileRecord, copy_id: UUID
) -> bool:
    """Let a file have other bytes, and the row of the copy those that it had.

    Args:
        connection: A transaction.
        old: As it was read.
        new: The same with its new place, key, size and digest.
        copy_id: The row under which the new bytes were stored.

    Returns:
        Whether it was still as it was read.

    Raises:
        ObjectStoreError: The copy is the janitor's already; nothing may be committed.
    """
    values = {
        "id": old.id,
        "tenant_id": old.tenant_id,
        "old": old.object_key,
        "object_key": new.object_key,
        "key": new.key,
        "bytes": new.size,
        "sha256": new.sha256,
    }
    if (await connection.execute(_REPLACE, values)).rowcount == 0:
        return False
    left = {"id": copy_id, "tenant_id": old.tenant_id, "old": old.object_key}
    if (await connection.execute(_LEAVE, left)).rowcount == 0:
        raise ObjectStoreError("writing a file anew took hours; it is written again")
    return True
