"""Rows of batches as values."""

from typing import Any, Final

from sqlalchemy import Row

from schemas.batch import BatchStatus
from schemas.batch_record import BatchRecord
from schemas.lanes import BY_NUMBER

BATCH_COLUMNS: Final = """
  b.id, b.tenant_id, b.endpoint, b.model, b.input_file_id, b.retry_of, b.lane, b.priority,
  b.webhook, b.max_parallel, b.ordered_output, b.completion_window, b.output_expires_after,
  b.metadata, b.status, b.created_at, b.expires_at, b.in_progress_at, b.finalizing_at,
  b.completed_at, b.failed_at, b.expired_at, b.cancelling_at, b.cancelled_at, b.total,
  b.completed, b.failed, b.expired, b.cancelled, b.lines_read, b.bytes_read, b.errors,
  b.output_file_id, b.error_file_id, b.usage"""
"""What ``batch_of_row`` reads, of a table that a statement calls ``b``."""


def batch_of_row(row: Row[Any]) -> BatchRecord:
    """Return the batch in a row of ``BATCH_COLUMNS``."""
    return BatchRecord(
        id=row.id,
        tenant_id=row.tenant_id,
        endpoint=row.endpoint,
        model=row.model,
        input_file_id=row.input_file_id,
        retry_of=row.retry_of,
        lane=BY_NUMBER[row.lane],
        priority=row.priority,
        webhook=row.webhook,
        max_parallel=row.max_parallel,
        ordered_output=row.ordered_output,
        completion_window=row.completion_window,
        output_expires_after=row.output_expires_after,
        metadata=row.metadata,
        status=BatchStatus(row.status),
        created_at=row.created_at,
        expires_at=row.expires_at,
        in_progress_at=row.in_progress_at,
        finalizing_at=row.finalizing_at,
        completed_at=row.completed_at,
        failed_at=row.failed_at,
        expired_at=row.expired_at,
        cancelling_at=row.cancelling_at,
        cancelled_at=row.cancelled_at,
        total=row.total,
        completed=row.completed,
        failed=row.failed,
        expired=row.expired,
        cancelled=row.cancelled,
        lines_read=row.lines_read,
        bytes_read=row.bytes_read,
        errors=row.errors,
        output_file_id=row.output_file_id,
        error_file_id=row.error_file_id,
        usage=row.usage,
    )
