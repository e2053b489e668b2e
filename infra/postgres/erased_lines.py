"""Lines of batches whose person is erased: marked, and emptied of what they said.

Whoever marks lines locks their batch, as whoever ends a batch does: the files of a batch are
written by somebody who has seen the mark, or the mark is set by somebody who sees the files.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

NOBODY: Final = UUID(int=0)
"""Stands for the erasure of a line that was gone when its file was read."""

# The bounds let PostgreSQL leave out all partitions but the jobs' own.
_OF_JOBS: Final = text("""
SELECT batch_id, id FROM job
WHERE tenant_id = :tenant_id AND id = ANY (CAST(:ids AS uuid[]))
  AND id BETWEEN :low AND :high AND batch_id IS NOT NULL
ORDER BY batch_id
""")
_LOCK: Final = text("""
SELECT id FROM batch WHERE tenant_id = :tenant_id
  AND (id = ANY (CAST(:batches AS uuid[])) OR input_file_id = CAST(:file AS uuid))
ORDER BY id FOR NO KEY UPDATE
""")
_EMPTY: Final = """
UPDATE batch_line SET erased_by = :erasure, answer = NULL,
  custom_id = 'erased-' || CAST(line AS text)
WHERE batch_id = ANY (CAST(:batches AS uuid[])) AND erased_by IS NULL
"""
# No index leads to them: a batch's lines are all read for it, and whoever does holds no lock.
# A line is there when its job is, and has it for good.
_LINES: Final = text("""
SELECT line FROM batch_line WHERE batch_id = :batch_id AND erased_by IS NULL
  AND job_id = ANY (CAST(:ids AS uuid[]))
""")
_EMPTY_NUMBERS: Final = text(_EMPTY + " AND line = ANY (CAST(:lines AS int[]))")
_HELD: Final = text("""
SELECT DISTINCT l.line FROM batch b JOIN batch_line l ON l.batch_id = b.id
WHERE b.tenant_id = :tenant_id AND b.input_file_id = :file
  AND l.job_id = ANY (CAST(:jobs AS uuid[]))
""")
_COUNT: Final = text(
    "SELECT count(*) FROM batch_line WHERE batch_id = :batch_id AND erased_by IS NOT NULL"
)
_ERASED: Final = text("""
SELECT l.line, l.custom_id, l.job_id, l.erased_by, e.subject
FROM batch b JOIN batch_line l ON l.batch_id = b.id
LEFT JOIN erasure e ON e.id = l.erased_by AND e.tenant_id = b.tenant_id
WHERE b.tenant_id = :tenant_id AND b.id = :batch_id AND l.erased_by IS NOT NULL
""")
_ERASED_SINCE: Final = text("""
SELECT subject FROM subject_key WHERE tenant_id = :tenant_id
  AND subject = ANY (CAST(:subjects AS bytea[])) AND erased_at >= :since
""")


@dataclass(frozen=True, slots=True)
class ErasedLine:
    """A line that says nothing any more; ``by``: the erasure, or ``NOBODY``.

    ``subject``: the pseudonym of whose line it was; empty: nobody knows.
    """

    line: int
    custom_id: str
    job_id: UUID | None
    by: UUID
    subject: bytes = b""


async def batches_of_jobs(
    connection: AsyncConnection, tenant_id: int, job_ids: Sequence[UUID]
) -> dict[UUID, list[UUID]]:
    """Return the batches that these jobs are of, each with its own of them, by id."""
    if not job_ids:
        return {}
    values = {
        "tenant_id": tenant_id,
        "ids": list(job_ids),
        "low": min(job_ids),
        "high": max(job_ids),
    }
    batches: dict[UUID, list[UUID]] = {}
    for row in await connection.execute(_OF_JOBS, values):
        batches.setdefault(row.batch_id, []).append(row.id)
    return batches


async def erase_lines_of_jobs(
    connection: AsyncConnection,
    tenant_id: int,
    erasure_id: UUID,
    batch_id: UUID,
    job_ids: Sequence[UUID],
) -> None:
    """Empty a batch's lines that became these jobs; twice is once. Locks the batch at last."""
    values = {"batch_id": batch_id, "ids": list(job_ids)}
    lines = list((await connection.execute(_LINES, values)).scalars())
    if lines:
        batches = await _locked(connection, tenant_id, batches=[batch_id])
        emptied = {"erasure": erasure_id, "batches": batches, "lines": lines}
        await connection.execute(_EMPTY_NUMBERS, emptied)


async def erase_lines_of_file(
    connection: AsyncConnection,
    tenant_id: int,
    erasure_id: UUID,
    file_id: UUID,
    numbers: Sequence[int],
) -> None:
    """Empty lines of every batch that reads a file, by their numbers; twice is once."""
    batches = await _locked(connection, tenant_id, file_id=file_id)
    if batches:
        emptied = {"erasure": erasure_id, "batches": batches, "lines": list(numbers)}
        await connection.execute(_EMPTY_NUMBERS, emptied)


async def lines_on_hold(
    connection: AsyncConnection, tenant_id: int, file_id: UUID, job_ids: Sequence[UUID]
) -> set[int]:
    """Return which lines of a file became these jobs, in any batch."""
    if not job_ids:
        return set()
    values = {"tenant_id": tenant_id, "file": file_id, "jobs": list(job_ids)}
    return set((await connection.execute(_HELD, values)).scalars())


async def count_erased(connection: AsyncConnection, batch_id: UUID) -> int:
    """Return how many lines of a batch say nothing any more; the caller holds the batch."""
    return (await connection.execute(_COUNT, {"batch_id": batch_id})).scalar_one()


async def erased_lines(
    connection: AsyncConnection, tenant_id: int, batch_id: UUID
) -> list[ErasedLine]:
    """Return the lines of a batch that say nothing any more."""
    values = {"tenant_id": tenant_id, "batch_id": batch_id}
    rows = await connection.execute(_ERASED, values)
    return [
        ErasedLine(
            row.line, row.custom_id, row.job_id, row.erased_by, bytes(row.subject or b"")
        )
        for row in rows
    ]


async def erased_since(
    connection: AsyncConnection, tenant_id: int, subjects: Collection[bytes], since: datetime
) -> set[bytes]:
    """Return which people, by pseudonym, were erased after an instant."""
    if not subjects:
        return set()
    values = {"tenant_id": tenant_id, "subjects": sorted(subjects), "since": since}
    rows = await connection.execute(_ERASED_SINCE, values)
    return {bytes(subject) for subject in rows.scalars()}


async def _locked(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    batches: Sequence[UUID] = (),
    file_id: UUID | None = None,
) -> list[UUID]:
    values = {"tenant_id": tenant_id, "batches": list(batches), "file": file_id}
    return list((await connection.execute(_LOCK, values)).scalars())
