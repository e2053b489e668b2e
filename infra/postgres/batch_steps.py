"""The steps of a batch's life. Each names the fence of who keeps it, and fails without it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Executable, Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.batch_rows import BATCH_COLUMNS, batch_of_row
from schemas.batch import BatchStatus, LineOutcome
from schemas.batch_record import BatchRecord
from schemas.job_states import JobState


@dataclass(frozen=True, slots=True)
class Expanded:
    """How far the file of a batch was read.

    Attributes:
        lines: Of the file, from its beginning.
        bytes: The place after the last of them.
        completed: Lines that succeeded at once, of these.
        failed: Lines that ended in any other way, of these.
        expired: Of those that failed, the ones that were not reached in time.
        cancelled: Of those that failed, the ones that were cancelled before.
    """

    lines: int
    bytes: int
    completed: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0


_KEPT: Final = "b.id = :id AND b.fence = :fence"

_LOCK: Final = text(
    f"SELECT {BATCH_COLUMNS} FROM batch b WHERE {_KEPT} AND b.status < 10 FOR NO KEY UPDATE"
)

# One that was cancelled meanwhile stays so.
_VALIDATED: Final = text(f"""
UPDATE batch b SET status = {BatchStatus.IN_PROGRESS:d}, in_progress_at = clock_timestamp(),
  total = :total, model = :model
WHERE {_KEPT} AND b.status = {BatchStatus.VALIDATING:d}
RETURNING {BATCH_COLUMNS}
""")

_EXPANDED: Final = text(f"""
UPDATE batch b SET lines_read = :lines, bytes_read = :bytes,
  completed = b.completed + :completed, failed = b.failed + :failed,
  expired = b.expired + :expired, cancelled = b.cancelled + :cancelled
WHERE {_KEPT}
RETURNING {BATCH_COLUMNS}
""")

_CUT_SHORT: Final = text(f"""
UPDATE batch b SET total = b.completed + b.failed + :open, errors = CAST(:errors AS jsonb)
WHERE {_KEPT}
RETURNING {BATCH_COLUMNS}
""")

# The end of a job deletes its row in live and writes its final state at once, so that one
# snapshot shows both. A job that the ledger does not know any more has failed.
_COLLECT: Final = text(f"""
WITH h AS MATERIALIZED (
  SELECT b.id, b.completed + b.failed AS ended, b.expires_at <= now() AS late FROM batch b
  WHERE {_KEPT} AND b.status < 10 FOR NO KEY UPDATE),
x AS MATERIALIZED (
  SELECT l.line, l.job_id FROM batch_line l
  WHERE l.batch_id = (SELECT id FROM h) AND l.seq IS NULL
    AND NOT EXISTS (SELECT 1 FROM live v WHERE v.job_id = l.job_id)
  ORDER BY l.line LIMIT :limit),
k AS MATERIALIZED (
  SELECT x.line, h.ended + row_number() OVER (ORDER BY x.line) AS seq,
    CASE WHEN j.final_state = {JobState.SUCCEEDED:d} THEN {LineOutcome.SUCCEEDED:d}
      WHEN j.final_state = {JobState.EXPIRED:d} AND h.late THEN {LineOutcome.EXPIRED:d}
      WHEN j.final_state = {JobState.CANCELLED:d} AND :cancelling
        THEN {LineOutcome.CANCELLED:d}
      ELSE {LineOutcome.FAILED:d} END AS outcome
  FROM x CROSS JOIN h
  LEFT JOIN LATERAL (SELECT final_state FROM job WHERE id = x.job_id LIMIT 1) j ON true),
u AS (
  UPDATE batch_line l SET seq = k.seq, outcome = k.outcome
  FROM k WHERE l.batch_id = (SELECT id FROM h) AND l.line = k.line)
UPDATE batch b SET completed = b.completed + s.completed, failed = b.failed + s.failed,
  expired = b.expired + s.expired, cancelled = b.cancelled + s.cancelled
FROM (
  SELECT count(*) FILTER (WHERE outcome = {LineOutcome.SUCCEEDED:d}) AS completed,
    count(*) FILTER (WHERE outcome <> {LineOutcome.SUCCEEDED:d}) AS failed,
    count(*) FILTER (WHERE outcome = {LineOutcome.EXPIRED:d}) AS expired,
    count(*) FILTER (WHERE outcome = {LineOutcome.CANCELLED:d}) AS cancelled FROM k) s
WHERE b.id = (SELECT id FROM h)
RETURNING {BATCH_COLUMNS}, s.completed + s.failed AS collected
""")

_FINALIZING: Final = text(f"""
UPDATE batch b SET status = {BatchStatus.FINALIZING:d}, finalizing_at = clock_timestamp()
WHERE {_KEPT} AND b.status = {BatchStatus.IN_PROGRESS:d}
RETURNING {BATCH_COLUMNS}
""")

_END: Final = text(f"""
UPDATE batch b SET status = :status, total = :total, lease_until = NULL,
  completed = COALESCE(CAST(:completed AS int), b.completed),
  failed = COALESCE(CAST(:failed AS int), b.failed),
  expired = COALESCE(CAST(:expired AS int), b.expired),
  cancelled = COALESCE(CAST(:cancelled AS int), b.cancelled),
  completed_at = CASE :status WHEN {BatchStatus.COMPLETED:d} THEN clock_timestamp() END,
  failed_at = CASE :status WHEN {BatchStatus.FAILED:d} THEN clock_timestamp() END,
  expired_at = CASE :status WHEN {BatchStatus.EXPIRED:d} THEN clock_timestamp() END,
  cancelled_at = CASE :status WHEN {BatchStatus.CANCELLED:d} THEN clock_timestamp() END,
  errors = CAST(:errors AS jsonb), usage = CAST(:usage AS jsonb),
  output_file_id = :output_file_id, error_file_id = :error_file_id
WHERE {_KEPT} AND b.status < 10
RETURNING {BATCH_COLUMNS}
""")


@dataclass(frozen=True, slots=True)
class End:
    """How a batch ends.

    Attributes:
        total: Its lines.
        outcomes: How many of them ended how, as its files have it; ``None``: none did.
        errors: Why it failed, if it did.
        usage: Summed over its lines.
    """

    status: BatchStatus
    total: int
    outcomes: Mapping[LineOutcome, int] | None = None
    errors: Sequence[Mapping[str, Any]] | None = None
    usage: Mapping[str, Any] | None = None
    output_file_id: UUID | None = None
    error_file_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch by its fence: what every step names."""

    id: UUID
    fence: int

    @property
    def values(self) -> dict[str, Any]:
        """What the statements want."""
        return {"id": self.id, "fence": self.fence}


class BatchLostError(Exception):
    """Somebody else keeps the batch, or it has ended: nothing was written."""


async def lock_batch(connection: AsyncConnection, kept: Kept) -> BatchRecord:
    """Return the batch, locked until the end of the transaction.

    Raises:
        BatchLostError: See there.
    """
    return batch_of_row(await _row(connection, _LOCK, kept, {}))


async def begin_batch(
    connection: AsyncConnection, kept: Kept, *, total: int, model: str | None
) -> BatchRecord:
    """Write that the file is in order: its lines become jobs from now on.

    Returns:
        The batch; cancelling, if it was cancelled meanwhile.

    Raises:
        BatchLostError: See there.
    """
    values = kept.values | {"total": total, "model": model}
    row = (await connection.execute(_VALIDATED, values)).one_or_none()
    return batch_of_row(row) if row else await lock_batch(connection, kept)


async def note_expanded(
    connection: AsyncConnection, kept: Kept, expanded: Expanded
) -> BatchRecord:
    """Write how far the file was read, with the lines of it.

    Raises:
        BatchLostError: See there.
    """
    values = {
        "lines": expanded.lines,
        "bytes": expanded.bytes,
        "completed": expanded.completed,
        "failed": expanded.failed,
        "expired": expanded.expired,
        "cancelled": expanded.cancelled,
    }
    return batch_of_row(await _row(connection, _EXPANDED, kept, values))


async def cut_short(
    connection: AsyncConnection,
    kept: Kept,
    *,
    open_lines: int,
    errors: Sequence[Mapping[str, Any]],
) -> BatchRecord:
    """Write that no further line will be read, and why.

    Raises:
        BatchLostError: See there.
    """
    values = {"open": open_lines, "errors": orjson.dumps(errors).decode()}
    return batch_of_row(await _row(connection, _CUT_SHORT, kept, values))


async def collect_ended(
    connection: AsyncConnection, batch: BatchRecord, kept: Kept, *, limit: int
) -> tuple[BatchRecord, int]:
    """Note which lines have ended, in the order of the file.

    Args:
        connection: To write with.
        batch: As it was known last.
        kept: The same by its fence.
        limit: How many lines at the most.

    Returns:
        The batch, and how many lines it was.

    Raises:
        BatchLostError: See there.
    """
    cancelling = batch.status is BatchStatus.CANCELLING
    row = await _row(connection, _COLLECT, kept, {"limit": limit, "cancelling": cancelling})
    return batch_of_row(row), row.collected


async def begin_finalizing(connection: AsyncConnection, kept: Kept) -> BatchRecord:
    """Write that every line has ended; a batch that is being cancelled stays that.

    Raises:
        BatchLostError: See there.
    """
    row = (await connection.execute(_FINALIZING, kept.values)).one_or_none()
    return batch_of_row(row) if row else await lock_batch(connection, kept)


async def end_batch(connection: AsyncConnection, kept: Kept, end: End) -> BatchRecord:
    """Write a batch's end; the caller owes its event.

    Raises:
        BatchLostError: See there.
    """
    values = {
        "status": int(end.status),
        "total": end.total,
        **_counts(end.outcomes),
        "errors": orjson.dumps(end.errors).decode() if end.errors else None,
        "usage": orjson.dumps(end.usage).decode() if end.usage else None,
        "output_file_id": end.output_file_id,
        "error_file_id": end.error_file_id,
    }
    return batch_of_row(await _row(connection, _END, kept, values))


def _counts(outcomes: Mapping[LineOutcome, int] | None) -> dict[str, int | None]:
    if outcomes is None:
        return dict.fromkeys(("completed", "failed", "expired", "cancelled"))
    completed = outcomes.get(LineOutcome.SUCCEEDED, 0)
    return {
        "completed": completed,
        "failed": sum(outcomes.values()) - completed,
        "expired": outcomes.get(LineOutcome.EXPIRED, 0),
        "cancelled": outcomes.get(LineOutcome.CANCELLED, 0),
    }


async def _row(
    connection: AsyncConnection, statement: Executable, kept: Kept, values: Mapping[str, Any]
) -> Row[Any]:
    row = (await connection.execute(statement, kept.values | dict(values))).one_or_none()
    if row is None:
        raise BatchLostError
    return row
