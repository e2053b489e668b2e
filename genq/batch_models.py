"""Batches as the SDK hands them out, and how they are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, cast

from genq.errors import UnexpectedAnswerError
from genq.json_fields import Fields
from genq.models import Eta, Json

BATCH_ENDPOINTS: Final = (
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
)
FINAL_BATCH_STATUSES: Final = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class BatchError:
    """Why the input file was refused: at which line, and what."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class LineFailures:
    """Lines that ended without success for the same reason, and one of them."""

    code: str
    count: int
    message: str
    sample_custom_id: str
    sample_line: int
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Lines: all, those that succeeded, and those that failed."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch. Instants are aware UTC; ``raw`` is the answer as it came.

    Attributes:
        errors: Why the input file was refused.
        usage: Tokens of all lines together, once it has ended.
        progress: Which part of its lines has ended, 0 to 1.
        expired_lines: How many did not end in time: they are not among those that failed.
        cancelled_lines: How many were cancelled with the batch; neither are these.
        eta_seconds: When it will probably have ended; ``None``: that cannot be told.
        line_errors: Lines that ended without success, by their reason; empty in lists.
        errors_looked_at: How many such lines were counted for that.
        retry_of: The batch whose lines it does again.
    """

    id: str
    status: str
    endpoint: str
    input_file_id: str
    completion_window: str
    created_at: datetime
    expires_at: datetime
    request_counts: RequestCounts = RequestCounts()
    model: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    in_progress_at: datetime | None = None
    finalizing_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    expired_at: datetime | None = None
    cancelling_at: datetime | None = None
    cancelled_at: datetime | None = None
    errors: tuple[BatchError, ...] = ()
    usage: Json | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    lane: str = ""
    priority: int = 0
    max_parallel: int | None = None
    ordered_output: bool = True
    webhook: Json | None = None
    retry_of: str | None = None
    progress: float = 0.0
    expired_lines: int = 0
    cancelled_lines: int = 0
    eta_seconds: Eta | None = None
    line_errors: tuple[LineFailures, ...] = ()
    errors_looked_at: int | None = None
    results_url: str = ""
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL_BATCH_STATUSES

    @property
    def unsuccessful(self) -> int:
        """How many lines have ended in any way but well: another try does those."""
        return self.request_counts.failed + self.expired_lines + self.cancelled_lines


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A line of a batch that has ended.

    Attributes:
        seq: Its place in the order in which lines ended, from 1.
        status_code: Of its answer; ``None``: it was not answered, and ``error`` tells why.
        body: Of its answer: what the endpoint itself would have answered.
        error: ``{"code", "message"}`` of what was not answered.
    """

    id: str
    custom_id: str
    seq: int
    status_code: int | None = None
    body: Json = field(default_factory=dict[str, object], repr=False)
    error: Json | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    @property
    def succeeded(self) -> bool:
        """Whether its answer is what was asked for."""
        return self.status_code is not None and self.status_code < 300  # noqa: PLR2004 - HTTP


def read_batch(found: object) -> Batch:
    """Return the batch in a decoded JSON answer.

    Raises:
        UnexpectedAnswerError: A field that every batch has is missing or mistyped.
    """
    fields = Fields(found, "batch")
    extras = fields.part("genq") or Fields({}, "batch.genq")
    return Batch(
        id=fields.text("id"),
        status=fields.text("status"),
        endpoint=fields.text("endpoint"),
        input_file_id=fields.text("input_file_id"),
        completion_window=fields.text("completion_window"),
        created_at=_at(fields, "created_at") or _lacks("created_at"),
        expires_at=_at(fields, "expires_at") or _lacks("expires_at"),
        request_counts=_counts(fields.part("request_counts")),
        model=fields.maybe_text("model"),
        output_file_id=fields.maybe_text("output_file_id"),
        error_file_id=fields.maybe_text("error_file_id"),
        in_progress_at=_at(fields, "in_progress_at"),
        finalizing_at=_at(fields, "finalizing_at"),
        completed_at=_at(fields, "completed_at"),
        failed_at=_at(fields, "failed_at"),
        expired_at=_at(fields, "expired_at"),
        cancelling_at=_at(fields, "cancelling_at"),
        cancelled_at=_at(fields, "cancelled_at"),
        errors=_errors(fields.part("errors")),
        usage=_found(fields.part("usage")),
        metadata=cast("Mapping[str, str]", fields.mapping("metadata")),
        lane=extras.maybe_text("lane") or "",
        priority=extras.maybe_number("priority") or 0,
        max_parallel=extras.maybe_number("max_parallel"),
        ordered_output=extras.found.get("ordered_output") is not False,
        webhook=_found(extras.part("webhook")),
        retry_of=extras.maybe_text("retry_of"),
        progress=extras.maybe_float("progress") or 0.0,
        expired_lines=extras.maybe_number("expired_lines") or 0,
        cancelled_lines=extras.maybe_number("cancelled_lines") or 0,
        eta_seconds=_eta(extras.found.get("eta_seconds")),
        line_errors=tuple(_failures(part) for part in extras.parts("errors")),
        errors_looked_at=extras.maybe_number("errors_looked_at"),
        results_url=extras.maybe_text("results_url") or "",
        raw=fields.found,
    )


def read_batches(found: object) -> tuple[tuple[Batch, ...], str | None]:
    """Return one page of batches and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    page = tuple(read_batch(part.found) for part in fields.parts("data"))
    more = fields.found.get("has_more") is True
    return page, fields.maybe_text("last_id") if more else None


def read_result(found: object) -> BatchResult:
    """Return the line in a decoded JSON value.

    Raises:
        UnexpectedAnswerError: A field that every line has is missing or mistyped.
    """
    fields = Fields(found, "line")
    response = fields.part("response")
    return BatchResult(
        id=fields.text("id"),
        custom_id=fields.text("custom_id"),
        seq=fields.number("seq"),
        status_code=response.maybe_number("status_code") if response else None,
        body=response.mapping("body") if response else {},
        error=_found(fields.part("error")),
        raw=fields.found,
    )


def _counts(fields: Fields | None) -> RequestCounts:
    if fields is None:
        return RequestCounts()
    names = ("total", "completed", "failed")
    return RequestCounts(*(fields.number(name) for name in names), raw=fields.found)


def _found(fields: Fields | None) -> Json | None:
    return None if fields is None else fields.found


def _errors(fields: Fields | None) -> tuple[BatchError, ...]:
    return () if fields is None else tuple(_error(part) for part in fields.parts("data"))


def _error(fields: Fields) -> BatchError:
    return BatchError(
        code=fields.maybe_text("code") or "",
        message=fields.maybe_text("message") or "",
        line=fields.maybe_number("line"),
        param=fields.maybe_text("param"),
        raw=fields.found,
    )


def _failures(fields: Fields) -> LineFailures:
    return LineFailures(
        code=fields.text("code"),
        count=fields.number("count"),
        message=fields.maybe_text("message") or "",
        sample_custom_id=fields.text("sample_custom_id"),
        sample_line=fields.number("sample_line"),
        raw=fields.found,
    )


def _eta(found: object) -> Eta | None:
    if not isinstance(found, list):
        return None
    low, high = cast("list[float]", found)
    return Eta(float(low), float(high))


def _at(fields: Fields, name: str) -> datetime | None:
    seconds = fields.maybe_number(name)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _lacks(name: str) -> datetime:
    raise UnexpectedAnswerError(f"batch lacks {name}; is this genq's URL?")
