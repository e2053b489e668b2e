"""Batches past retention: their lines go first, some thousands at a time, then they."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.partitions import first_key
from schemas.batch import BatchStatus

LARGEST_PIECE: Final = 5_000

# A batch is older than its end, so that keys below an instant hold all that ended before it.
# One that is being tried again stays: it knows which lines.
_OVER: Final = f"""
SELECT id FROM batch
WHERE id < :before_key AND status >= {BatchStatus.COMPLETED:d}
  AND COALESCE(completed_at, failed_at, expired_at, cancelled_at) < :before
  AND NOT EXISTS (
    SELECT 1 FROM batch r WHERE r.retry_of = batch.id AND r.status < {BatchStatus.COMPLETED:d})
ORDER BY id LIMIT 20"""
_LINES: Final = text(f"""
DELETE FROM batch_line WHERE (batch_id, line) IN (
  SELECT l.batch_id, l.line FROM ({_OVER}) b JOIN batch_line l ON l.batch_id = b.id
  LIMIT {LARGEST_PIECE})
""")
_BATCHES: Final = text(f"""
DELETE FROM batch WHERE id IN (
  SELECT id FROM ({_OVER}) b
  WHERE NOT EXISTS (SELECT 1 FROM batch_line l WHERE l.batch_id = b.id))
""")


async def forget_old_batches(connection: AsyncConnection, *, before: datetime) -> int:
    """Delete a piece of what ended before an instant; return how many rows.

    Args:
        connection: To write with.
        before: Batches that ended later stay.
    """
    values = {"before": before, "before_key": first_key(before)}
    lines = (await connection.execute(_LINES, values)).rowcount
    if lines == LARGEST_PIECE:
        return lines
    return lines + (await connection.execute(_BATCHES, values)).rowcount
