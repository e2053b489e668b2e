"""Lines of batches: those that have become jobs, or were answered without one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.batch import LineOutcome
from schemas.batch_record import BatchRecord


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One line of a batch.

    Attributes:
        line: Its number in the file, from 1.
        job_id: What became of it; ``None``: it is no job.
        answer: Of a line that is no job: ``{"status_code", "body"}``. One that was not reached
            before the batch ended has none. Of a job whose answer could not be read when the
            files were written: ``{"error": {"code", "message"}}``.
        seq: Its place among those that have ended, from 1.
        outcome: What became of it, once it has ended.
        erased_by: The erasure that took what it said.
    """

    line: int
    custom_id: str
    job_id: UUID | None = None
    answer: Mapping[str, Any] | None = None
    seq: int | None = None
    outcome: LineOutcome | None = None
    erased_by: UUID | None = None


LINE_COLUMNS: Final = "l.line, l.custom_id, l.job_id, l.answer, l.seq, l.outcome, l.erased_by"
"""What ``line_of_row`` reads, of a table that a statement calls ``l``."""

# By way of the batch, which says whose they are.
_OF: Final = f"""
SELECT {LINE_COLUMNS} FROM batch b JOIN batch_line l ON l.batch_id = b.id
WHERE b.id = :batch_id AND b.tenant_id = :tenant_id
"""
_ENDED: Final = text(_OF + " AND l.seq > :after ORDER BY l.seq LIMIT :limit")
_IN_ORDER: Final = text(
    _OF + " AND l.seq IS NOT NULL AND l.line > :after ORDER BY l.line LIMIT :limit"
)

_INSERT: Final = HotStatement("""
INSERT INTO batch_line (batch_id, line, custom_id, job_id, answer, seq, outcome, erased_by)
SELECT :batch_id, line, custom_id, job_id, answer, seq, outcome, erased_by
FROM json_to_recordset(CAST(:rows AS json)) AS n(
  line int, custom_id text, job_id uuid, answer jsonb, seq int, outcome smallint,
  erased_by uuid)
""")

_UNREAD: Final = text(f"""
UPDATE batch_line SET outcome = {LineOutcome.FAILED:d},
  answer = CASE WHEN erased_by IS NULL THEN CAST(:answer AS jsonb) END
WHERE batch_id = :batch_id AND line = ANY(CAST(:lines AS int[]))
""")

_COUNT_OPEN: Final = text(
    "SELECT count(*) FROM batch_line WHERE batch_id = :batch_id AND seq IS NULL"
)

_UNSUCCESSFUL: Final = text(f"""
SELECT line FROM batch_line WHERE batch_id = :batch_id AND line BETWEEN :first AND :last
  AND outcome > {LineOutcome.SUCCEEDED:d} AND erased_by IS NULL
""")

_COUNT_UNSUCCESSFUL: Final = text(f"""
SELECT count(*) FROM batch_line WHERE batch_id = :batch_id
  AND outcome > {LineOutcome.SUCCEEDED:d} AND erased_by IS NULL
""")

# Those that were erased before the retry came to them are not its any more.
_COUNT_UNREPEATED: Final = text(f"""
SELECT count(*) FROM batch_line p WHERE p.batch_id = :parent_id
  AND p.outcome > {LineOutcome.SUCCEEDED:d} AND p.erased_by IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM batch_line l WHERE l.batch_id = :batch_id AND l.line = p.line)
""")


async def lines_of(
    connection: AsyncConnection,
    batch: BatchRecord,
    *,
    after: int = 0,
    limit: int,
    in_order: bool = False,
) -> list[BatchLine]:
    """Return lines that have ended.

    Args:
        connection: To read with.
        batch: Whose lines they are.
        after: The ``seq`` after which to go on; of ``in_order`` the ``line``.
        limit: How many at the most.
        in_order: In the order of the file, and not in that in which they ended.
    """
    values = {
        "tenant_id": batch.tenant_id,
        "batch_id": batch.id,
        "after": after,
        "limit": limit,
    }
    rows = await connection.execute(_IN_ORDER if in_order else _ENDED, values)
    return [line_of_row(row) for row in rows]


async def insert_lines(
    connection: AsyncConnection, batch_id: UUID, lines: Sequence[BatchLine]
) -> None:
    """Write lines; the caller holds the batch."""
    if not lines:
        return
    rows = [
        {
            "line": one.line,
            "custom_id": one.custom_id,
            "job_id": one.job_id,
            "answer": one.answer,
            "seq": one.seq,
            "outcome": None if one.outcome is None else int(one.outcome),
            "erased_by": one.erased_by,
        }
        for one in lines
    ]
    await _INSERT.run(connection, {"batch_id": batch_id, "rows": orjson.dumps(rows).decode()})


async def note_unread(
    connection: AsyncConnection, batch_id: UUID, lines: Sequence[int], error: Mapping[str, Any]
) -> None:
    """Write of lines that they failed, whatever their jobs did: the caller holds the batch.

    Of a line that was erased nothing else is written.

    Args:
        connection: To write with.
        batch_id: Whose lines they are.
        lines: Their numbers.
        error: ``{"code", "message"}``: why their answers could not be read.
    """
    values = {
        "batch_id": batch_id,
        "lines": list(lines),
        "answer": orjson.dumps({"error": error}).decode(),
    }
    await connection.execute(_UNREAD, values)


async def count_open(connection: AsyncConnection, batch_id: UUID) -> int:
    """Return how many lines are jobs that have not ended, as far as was looked."""
    return (await connection.execute(_COUNT_OPEN, {"batch_id": batch_id})).scalar_one()


async def unsuccessful(
    connection: AsyncConnection, batch_id: UUID, first: int, last: int
) -> set[int]:
    """Return which lines from ``first`` to ``last`` ended without success, and can be tried."""
    values = {"batch_id": batch_id, "first": first, "last": last}
    return set((await connection.execute(_UNSUCCESSFUL, values)).scalars())


async def count_unsuccessful(connection: AsyncConnection, batch_id: UUID) -> int:
    """Return how many lines have ended without success, and can be tried again."""
    found = await connection.execute(_COUNT_UNSUCCESSFUL, {"batch_id": batch_id})
    return found.scalar_one()


async def count_unrepeated(connection: AsyncConnection, parent_id: UUID, batch_id: UUID) -> int:
    """Return how many lines of a batch could be tried again, and a retry of it has not."""
    values = {"parent_id": parent_id, "batch_id": batch_id}
    return (await connection.execute(_COUNT_UNREPEATED, values)).scalar_one()


def line_of_row(row: Row[Any]) -> BatchLine:
    """Return the line in a row of ``LINE_COLUMNS``."""
    return BatchLine(
        line=row.line,
        custom_id=row.custom_id,
        job_id=row.job_id,
        answer=row.answer,
        seq=row.seq,
        outcome=None if row.outcome is None else LineOutcome(row.outcome),
        erased_by=row.erased_by,
    )
