"""A batch in answers: OpenAI's object, all keys always there, and ours under ``genq``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from schemas.batch_pace import eta_of, progress_of
from schemas.batch_record import BatchRecord
from schemas.ids import format_id
from schemas.lanes import Lane
from schemas.shape import Shape

BatchStatusWord = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]


@dataclass(frozen=True, slots=True)
class LineFaults:
    """The lines of a batch that ended without success for the same reason.

    Attributes:
        code: Of the error that their answers tell.
        custom_id: Of one of them.
        line: Its place in the input file, from 1.
    """

    code: str
    count: int
    custom_id: str
    line: int
    message: str


class BatchErrorView(Shape):
    """Why the input file was refused."""

    code: str
    line: int | None
    message: str
    param: str | None


class BatchErrorsView(Shape):
    """What is wrong with the input file."""

    object: Literal["list"]
    data: list[BatchErrorView]


class RequestCountsView(Shape):
    """Lines: all, those that succeeded, and those that failed, as OpenAI counts them.

    What expired, or was cancelled with the batch, is in neither: ``genq`` counts those.
    """

    total: int
    completed: int
    failed: int


class InputDetailsView(Shape):
    """Of the input tokens."""

    cached_tokens: int


class OutputDetailsView(Shape):
    """Of the output tokens."""

    reasoning_tokens: int


class BatchUsageView(Shape):
    """Tokens of all lines together."""

    input_tokens: int
    input_tokens_details: InputDetailsView
    output_tokens: int
    output_tokens_details: OutputDetailsView
    total_tokens: int


class LineFaultsView(Shape):
    """Lines that ended without success for the same reason; ``sample`` is one of them."""

    code: str
    count: int
    message: str
    sample_custom_id: str
    sample_line: int


class BatchWebhookView(Shape):
    """Where the end of the batch is told."""

    url: str
    events: list[str]


class BatchExtrasView(Shape):
    """What is genq's own of a batch.

    ``progress`` is 0 to 1. ``eta_seconds`` is when it will probably have ended, at best and at
    worst; null while that cannot be told. ``expired_lines`` did not end in time,
    ``cancelled_lines`` were cancelled with the batch: with those of ``request_counts`` that
    completed and failed they are all that have ended. ``errors`` groups the lines without
    success by code; null in lists, which do not look. ``errors_looked_at`` is how many such
    lines were counted: fewer than there are if they are very many.
    """

    lane: Lane
    priority: int
    max_parallel: int | None
    ordered_output: bool
    webhook: BatchWebhookView | None
    retry_of: str | None
    progress: float
    expired_lines: int
    cancelled_lines: int
    eta_seconds: list[int] | None
    errors: list[LineFaultsView] | None
    errors_looked_at: int | None
    results_url: str


class BatchView(Shape):
    """A batch. Instants are whole seconds since the epoch."""

    id: str
    object: Literal["batch"]
    endpoint: str
    model: str | None
    errors: BatchErrorsView | None
    input_file_id: str
    completion_window: str
    status: BatchStatusWord
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCountsView
    usage: BatchUsageView | None
    metadata: dict[str, str] | None
    genq: BatchExtrasView


class BatchPage(Shape):
    """One page of batches, newest first. ``last_id`` goes into ``after``."""

    object: Literal["list"]
    data: list[BatchView]
    first_id: str | None
    last_id: str | None
    has_more: bool


def batch_view(
    batch: BatchRecord,
    public_url: str,
    *,
    now: datetime,
    faults: Sequence[LineFaults] | None = None,
) -> dict[str, Any]:
    """Return the JSON form of a batch: exactly the fields of ``BatchView``.

    Args:
        batch: What is known.
        public_url: Where callers reach the API, without a final slash.
        now: From when ``eta_seconds`` counts.
        faults: Its lines without success by their codes; ``None``: nobody looked.
    """
    return {
        "id": format_id("batch", batch.id),
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model,
        "errors": {"object": "list", "data": list(batch.errors)} if batch.errors else None,
        "input_file_id": format_id("file", batch.input_file_id),
        "completion_window": batch.completion_window,
        "status": batch.status.word,
        "output_file_id": _file(batch.output_file_id),
        "error_file_id": _file(batch.error_file_id),
        "created_at": int(batch.created_at.timestamp()),
        "in_progress_at": _seconds(batch.in_progress_at),
        "expires_at": int(batch.expires_at.timestamp()),
        "finalizing_at": _seconds(batch.finalizing_at),
        "completed_at": _seconds(batch.completed_at),
        "failed_at": _seconds(batch.failed_at),
        "expired_at": _seconds(batch.expired_at),
        "cancelling_at": _seconds(batch.cancelling_at),
        "cancelled_at": _seconds(batch.cancelled_at),
        "request_counts": {
            "total": batch.total,
            "completed": batch.completed,
            "failed": batch.failed - batch.expired - batch.cancelled,
        },
        "usage": None if batch.usage is None else dict(batch.usage),
        "metadata": None if batch.metadata is None else dict(batch.metadata),
        "genq": _extras(batch, public_url, now, faults),
    }


def _extras(
    batch: BatchRecord, public_url: str, now: datetime, faults: Sequence[LineFaults] | None
) -> dict[str, Any]:
    eta = eta_of(batch, now)
    return {
        "lane": batch.lane.value,
        "priority": batch.priority,
        "max_parallel": batch.max_parallel,
        "ordered_output": batch.ordered_output,
        "webhook": None if batch.webhook is None else _webhook(batch.webhook),
        "retry_of": None if batch.retry_of is None else format_id("batch", batch.retry_of),
        "progress": round(progress_of(batch), 4),
        "expired_lines": batch.expired,
        "cancelled_lines": batch.cancelled,
        "eta_seconds": None if eta is None else list(eta),
        "errors": None if faults is None else [_faults(group) for group in faults],
        "errors_looked_at": None if faults is None else sum(group.count for group in faults),
        "results_url": f"{public_url}/v1/batches/{format_id('batch', batch.id)}/results",
    }


def _webhook(webhook: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": webhook["url"], "events": list(webhook["events"])}


def _faults(group: LineFaults) -> dict[str, Any]:
    return {
        "code": group.code,
        "count": group.count,
        "message": group.message,
        "sample_custom_id": group.custom_id,
        "sample_line": group.line,
    }


def _file(key: UUID | None) -> str | None:
    return None if key is None else format_id("file", key)


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
