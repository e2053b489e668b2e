"""Batches as their tenants make, read and cancel them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.batch_rows import BATCH_COLUMNS, batch_of_row
from schemas.batch import BatchStatus
from schemas.batch_record import BatchRecord

# Re-exported for those who read and write batches.
__all__ = ["BatchRecord", "NewBatch", "cancel_batch", "get_batch", "insert_batch"]


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch to write.

    Attributes:
        lane: Its number, of ``schemas.lanes``.
        completion_window: As it was asked for: ``24h``.
        window: The same as a duration: it expires that long after it was made.
        retry_of: The batch, ended, whose lines without success it does again.
        webhook: ``{"url", "events"}``.
        max_parallel: The most lines that are jobs at once.
        output_expires_after: Seconds that its files are kept.
    """

    id: UUID
    tenant_id: int
    endpoint: str
    input_file_id: UUID
    lane: int
    priority: int
    completion_window: str
    window: timedelta
    retry_of: UUID | None = None
    webhook: Mapping[str, Any] | None = None
    max_parallel: int | None = None
    ordered_output: bool = True
    output_expires_after: int | None = None
    metadata: Mapping[str, str] | None = None
    model: str | None = None


_INSERT: Final = text("""
INSERT INTO batch (id, tenant_id, endpoint, model, input_file_id, retry_of, lane, priority,
  webhook, max_parallel, ordered_output, completion_window, output_expires_after, metadata,
  expires_at)
VALUES (:id, :tenant_id, :endpoint, :model, :input_file_id, :retry_of, :lane, :priority,
  CAST(:webhook AS jsonb), :max_parallel, :ordered_output, :completion_window,
  :output_expires_after, CAST(:metadata AS jsonb), now() + :window)
RETURNING created_at
""")

_GET: Final = text(
    f"SELECT {BATCH_COLUMNS} FROM batch b WHERE b.id = :id AND b.tenant_id = :tenant_id"
)

# Whoever keeps it hears of it with its next write. What is being finalized has ended already,
# but for its files.
_CANCEL: Final = text(f"""
UPDATE batch b SET status = {BatchStatus.CANCELLING:d}, cancelling_at = clock_timestamp()
WHERE b.id = :id AND b.tenant_id = :tenant_id
  AND b.status IN ({BatchStatus.VALIDATING:d}, {BatchStatus.IN_PROGRESS:d})
""")


async def insert_batch(connection: AsyncConnection, batch: NewBatch) -> datetime:
    """Write a batch; return when it was made. A dispatcher takes it up by itself."""
    made = await connection.execute(
        _INSERT,
        {
            "id": batch.id,
            "tenant_id": batch.tenant_id,
            "endpoint": batch.endpoint,
            "model": batch.model,
            "input_file_id": batch.input_file_id,
            "retry_of": batch.retry_of,
            "lane": batch.lane,
            "priority": batch.priority,
            "webhook": _json(batch.webhook),
            "max_parallel": batch.max_parallel,
            "ordered_output": batch.ordered_output,
            "completion_window": batch.completion_window,
            "output_expires_after": batch.output_expires_after,
            "metadata": _json(batch.metadata),
            "window": batch.window,
        },
    )
    return made.scalar_one()


async def get_batch(
    connection: AsyncConnection, tenant_id: int, batch_id: UUID
) -> BatchRecord | None:
    """Return a tenant's batch, or ``None`` if the tenant has no such batch."""
    found = await connection.execute(_GET, {"id": batch_id, "tenant_id": tenant_id})
    row = found.one_or_none()
    return batch_of_row(row) if row else None


async def cancel_batch(
    connection: AsyncConnection, tenant_id: int, batch_id: UUID
) -> BatchRecord | None:
    """Ask that a batch ends; to ask twice is to ask once.

    Returns:
        The batch as it is then: ``cancelling``, or what it was if it is being finalized or has
        ended. ``None`` if the tenant has no such batch.
    """
    await connection.execute(_CANCEL, {"id": batch_id, "tenant_id": tenant_id})
    return await get_batch(connection, tenant_id, batch_id)


def _json(value: Mapping[str, Any] | None) -> str | None:
    return orjson.dumps(value).decode() if value else None
