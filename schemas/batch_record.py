"""A batch as it is stored, whoever read it; every view of it is made of this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.batch import BatchStatus
from schemas.lanes import Lane


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A row of ``batch``.

    Attributes:
        model: Of its lines, once the first was read.
        retry_of: The batch whose lines without success it does again, out of the same file.
        webhook: ``{"url", "events"}``.
        max_parallel: The most lines that are jobs at once; ``None``: as the installation likes.
        completion_window: As it was asked for: ``24h``.
        output_expires_after: Seconds that its files are kept.
        total: Lines, once they were counted.
        completed: Lines that succeeded.
        failed: Lines that ended in any other way, whichever.
        expired: Of these, the ones that did not end in time.
        cancelled: Of these, the ones that were cancelled with the batch.
        lines_read: Lines of the file that became jobs, or were refused.
        bytes_read: The place in the file after them.
        errors: ``{"code", "line", "message", "param"}``: why it failed.
        usage: In OpenAI's names, summed over its lines.
    """

    id: UUID
    tenant_id: int
    endpoint: str
    input_file_id: UUID
    lane: Lane
    priority: int
    completion_window: str
    status: BatchStatus
    created_at: datetime
    expires_at: datetime
    model: str | None = None
    retry_of: UUID | None = None
    webhook: Mapping[str, Any] | None = None
    max_parallel: int | None = None
    ordered_output: bool = True
    output_expires_after: int | None = None
    metadata: Mapping[str, str] | None = None
    in_progress_at: datetime | None = None
    finalizing_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    expired_at: datetime | None = None
    cancelling_at: datetime | None = None
    cancelled_at: datetime | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    lines_read: int = 0
    bytes_read: int = 0
    errors: Sequence[Mapping[str, Any]] | None = None
    output_file_id: UUID | None = None
    error_file_id: UUID | None = None
    usage: Mapping[str, Any] | None = None

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; ``None``: it has not."""
        instants = {
            BatchStatus.COMPLETED: self.completed_at,
            BatchStatus.FAILED: self.failed_at,
            BatchStatus.EXPIRED: self.expired_at,
            BatchStatus.CANCELLED: self.cancelled_at,
        }
        return instants.get(self.status)
