"""What a line of a batch is answered: the lines of its output and error files.

The shapes are OpenAI's. A line that was answered over HTTP, well or ill, has a ``response``;
one that was not has an ``error``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import structlog

from infra.postgres.batch_lines import BatchLine
from producer.batches.line_asides import asked_of
from producer.openai.endpoint import Endpoint, Reading
from producer.openai.refusals import refusal_of
from schemas.batch import LINE_ERASED, LINE_ERRORS, LineOutcome
from schemas.batch_record import BatchRecord
from schemas.errors import GenqError, ObjectMissingError, ObjectStoreError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.privacy_errors import ContentUnreadableError

_OK: Final = 200
_GONE: Final = "answer_gone", "The answer to this request is no longer stored."
_FAULT: Final = "internal_error", "The answer to this request could not be written."
_UNREAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        ContentUnreadableError.code: "The answer to this request is sealed, and does not open.",
        ObjectStoreError.code: "The answer to this request could not be read from the store.",
    }
)
UNREAD: Final = (ContentUnreadableError, ObjectStoreError)
"""Why an answer cannot be read, now or for ever."""
_KEY_BYTES: Final = 16

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """A line of an output or an error file.

    Attributes:
        line: As it is written: ``id``, ``custom_id``, ``response``, ``error``.
        succeeded: It belongs into the output file.
    """

    line: Mapping[str, Any]
    succeeded: bool

    @property
    def usage(self) -> Mapping[str, Any] | None:
        """What its answer says that it used, in the words of its endpoint."""
        response = self.line["response"]
        return response["body"].get("usage") if self.succeeded and response else None


async def answer_line(
    batch: BatchRecord,
    line: BatchLine,
    job: JobRecord | ContentUnreadableError | None,
    endpoint: Endpoint | None,
    reading: Reading,
) -> LineAnswer:
    """Return what a line that has ended is answered.

    Args:
        batch: Whose line it is.
        line: It has an outcome.
        job: What became of it, opened, or why it does not open; ``None`` if it is no job, or
            none that is still stored.
        endpoint: The batch's; ``None`` of one whose lines are no jobs.
        reading: Where to find what it made.

    Raises:
        ObjectStoreError: The store does not give what the job made, now or ever.
        ContentUnreadableError: The job does not open.
    """
    key = line.job_id or _key_of(batch.id, line.line)
    if line.erased_by is not None:
        return _failed(key, line, LINE_ERASED)
    unread = line.answer.get("error") if line.answer is not None else None
    if unread is not None:
        return _failed(key, line, (unread["code"], unread["message"]))
    if line.answer is not None:
        told, succeeded = line.answer, line.outcome is LineOutcome.SUCCEEDED
        return _over_http(key, line, told["status_code"], told["body"], succeeded=succeeded)
    not_done = LINE_ERRORS.get(line.outcome or LineOutcome.FAILED)
    if not_done is not None:
        return _failed(key, line, not_done)
    if job is None or endpoint is None:
        return _failed(key, line, _GONE)
    if isinstance(job, ContentUnreadableError):
        raise job
    return await _answer_of_job(line, job, endpoint, reading)


def erased_answer(batch_id: UUID, line: int, custom_id: str, job_id: UUID | None) -> LineAnswer:
    """Return what stands in the place of a line that was erased."""
    told = BatchLine(line, custom_id, job_id)
    return _failed(job_id or _key_of(batch_id, line), told, LINE_ERASED)


def unread_line(batch: BatchRecord, line: BatchLine, error: GenqError) -> LineAnswer:
    """Return what a line is answered whose answer could not be read.

    Args:
        batch: Whose line it is.
        line: It has an outcome.
        error: One of ``UNREAD``.
    """
    message = _UNREAD.get(error.code, _GONE[1])
    return _failed(line.job_id or _key_of(batch.id, line.line), line, (error.code, message))


async def _answer_of_job(
    line: BatchLine, job: JobRecord, endpoint: Endpoint, reading: Reading
) -> LineAnswer:
    if job.state is not JobState.SUCCEEDED:
        status, body = refusal_of(job, reading.public_url)
        return _over_http(job.id, line, status, body, succeeded=False)
    if job.output_erased:
        return _failed(job.id, line, LINE_ERASED)
    try:
        answer = await endpoint.answer_of(job, asked_of(job), reading)
    except ObjectMissingError:
        return _failed(job.id, line, _GONE)
    except ObjectStoreError:
        raise
    except Exception:  # noqa: BLE001 - one line that fails must not hold up the others
        _log.exception("batch_answer_failed", job_id=format_id("job", job.id))
        return _failed(job.id, line, _FAULT)
    return _over_http(job.id, line, _OK, answer, succeeded=True)


def _over_http(
    key: UUID, line: BatchLine, status: int, body: Mapping[str, Any], *, succeeded: bool
) -> LineAnswer:
    suffix = format_id("req", key).partition("_")[2]
    response = {"status_code": status, "request_id": f"req_{suffix}", "body": body}
    told = {
        "id": f"batch_req_{suffix}",
        "custom_id": line.custom_id,
        "response": response,
        "error": None,
    }
    return LineAnswer(told, succeeded)


def _failed(key: UUID, line: BatchLine, why: tuple[str, str]) -> LineAnswer:
    code, message = why
    told = {
        "id": f"batch_req_{format_id('req', key).partition('_')[2]}",
        "custom_id": line.custom_id,
        "response": None,
        "error": {"code": code, "message": message},
    }
    return LineAnswer(told, succeeded=False)


def _key_of(batch_id: UUID, line: int) -> UUID:
    """Return the key of a line that is no job: the same whenever it is asked for."""
    seed = batch_id.bytes + line.to_bytes(8)
    return UUID(bytes=blake2b(seed, digest_size=_KEY_BYTES).digest())
