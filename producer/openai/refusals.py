"""What OpenAI's clients are told of what went wrong: the only table from our codes to theirs.

Its clients retry 408, 409, 429 and everything from 500 on: so nothing permanent is 409, and
``x-should-retry`` holds them back where a repetition could not help, or would generate twice.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from infra.new_ids import new_key
from producer.api.problems import MEANINGS, SERVER_ERROR, problem_body, status_of_code
from producer.openai.genq_member import genq_member
from producer.openai.request_parts import GENQ
from schemas.errors import FieldError, GenqError, InternalError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState

_OUR_JOBS: Final = "/input/"
_OF_A_KIND: Final = re.compile(r"^input is not valid for kind \w+: ")
_INVALID: Final = "invalid_request_error"
_SERVER: Final = "server_error"
_CONFLICT: Final = 409
_PERMANENT: Final = 422
_TOLD_FIELDS: Final = 3
NO_RETRY: Final[Mapping[str, str]] = MappingProxyType({"x-should-retry": "false"})
# Of a job's request, under names that OpenAI's bodies do not have.
_OF_GENQ: Final = frozenset(
    {
        "lane", "priority", "webhook", "channels", "tags", "run_at", "start_timeout",
        "deadline", "unique",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """An error in OpenAI's words; ``None``: as ``producer.api.problems`` has it."""

    code: str | None = None
    status: int | None = None
    type: str | None = None


_WORDS: Final[Mapping[str, Told]] = MappingProxyType(
    {
        "permission_denied": Told("insufficient_permissions"),
        "rate_limited": Told("rate_limit_exceeded", type="requests"),
        "budget_exhausted": Told("insufficient_quota", 429, "insufficient_quota"),
        "budget_too_small": Told("insufficient_quota", 429, "insufficient_quota"),
        "too_many_batches": Told("queue_full", type="queue"),
        "content_blocked": Told("content_policy_violation"),
        "output_withheld": Told("content_policy_violation"),
        "model_refused_content": Told("content_policy_violation"),
        "context_too_long": Told("context_length_exceeded"),
        "still_running": Told(type="genq_still_running"),
        "draining": Told("unavailable"),
        "broker_unavailable": Told("unavailable"),
        "database_unavailable": Told("unavailable"),
        "object_store_unavailable": Told("unavailable"),
        "too_many_connections": Told("unavailable"),
        "valkey_unavailable": Told("unavailable"),
        # What the caller wanted in time did not come in time.
        "job_expired": Told(status=504),
    }
)
# What the same call would meet again, or would pay for again.
_NOT_AGAIN: Final = frozenset({"budget_exhausted", "budget_too_small"})

_JOB_WORDS: Final[Mapping[JobState, str]] = MappingProxyType(
    {
        JobState.CANCELLED: "job_cancelled",
        JobState.EXPIRED: "job_expired",
        JobState.BLOCKED: "content_blocked",
    }
)


def refusal_of(job: JobRecord, public_url: str = "") -> tuple[int, dict[str, Any]]:
    """Return status and body that tell how a job ended without success.

    Args:
        job: It failed, was blocked or cancelled, or expired.
        public_url: Where clients reach the API, without a final slash.
    """
    code, message, category, severity, error_id = _end_of(job)
    status = _status(code)
    body: dict[str, Any] = {
        "type": f"{public_url}/errors#{code}",
        "title": MEANINGS[code].title if code in MEANINGS else "Job failed",
        "status": status,
        "detail": message,
        "code": code,
        "category": category,
        "severity": severity,
        # Of the job, which has ended: a repetition would be another one.
        "retryable": False,
        "errors": [],
        "error_id": error_id,
        "error": _error(code, message, status, None),
        GENQ: genq_member(job, public_url),
    }
    return status, body


def refusal_of_error(
    error: GenqError,
    *,
    error_id: str | None = None,
    request_id: str | None = None,
    public_url: str = "",
    of_job: bool = True,
) -> tuple[int, dict[str, Any]]:
    """Return status and body that tell of ``error``.

    Args:
        error: What went wrong.
        error_id: ``err_…``, shared with the log; made if there is none yet.
        request_id: ``X-Request-Id`` of this exchange.
        public_url: Where the page of errors is served, without a final slash.
        of_job: Its places are in a job's request, whose input the body is; else in the body.
    """
    body = problem_body(
        error,
        error_id=error_id or format_id("err", new_key()),
        request_id=request_id,
        public_url=public_url,
    )
    code: str = body["code"]
    status = body["status"] = _status(code)
    fields, message = list(error.fields), body["detail"]
    if of_job:
        fields = [FieldError(_openai_pointer(f.pointer), f.message, f.rule) for f in fields]
        for told, field in zip(body["errors"], fields, strict=False):
            told["pointer"] = field.pointer
        # Kinds are genq's own; its jobs' input is the body itself here.
        message = _OF_A_KIND.sub("", message).replace(_OUR_JOBS, "")
    if MEANINGS[code].detail is None:
        message = _message(message, fields)
    parameter = _parameter(fields[0].pointer) or None if fields else None
    body["error"] = _error(code, message, status, parameter)
    return status, body


def headers_of(error: GenqError) -> dict[str, str]:
    """Return what OpenAI's clients obey beside ``Retry-After``."""
    if error.code in _NOT_AGAIN:
        return dict(NO_RETRY)
    if error.retry_after is None:
        return {}
    return {"retry-after-ms": str(max(1, round(error.retry_after.total_seconds() * 1000)))}


def _end_of(job: JobRecord) -> tuple[str, str, str, str, str]:
    if job.error is not None:
        told = job.error
        return (
            told["code"], told["message"], told["category"], told["severity"], told["error_id"],
        )  # fmt: skip
    code = _JOB_WORDS.get(job.state, InternalError.code)
    message = f"the job ended without an answer: it is {job.state.name.lower()}"
    return code, message, "business_logic", "low", format_id("err", job.id)


def _status(code: str) -> int:
    told = _WORDS.get(code)
    status = (told.status if told else None) or status_of_code(code)
    return _PERMANENT if status == _CONFLICT else status


def _error(code: str, message: str, status: int, parameter: str | None) -> dict[str, Any]:
    told = _WORDS.get(code, Told())
    usual = _SERVER if status >= SERVER_ERROR else _INVALID
    return {
        "message": message,
        "type": told.type or usual,
        "param": parameter,
        "code": told.code or code,
    }


def _message(detail: str, fields: list[FieldError]) -> str:
    """Return the one string that OpenAI's clients show."""
    new = [field for field in fields if field.message not in detail]
    faults = [f"{_parameter(field.pointer)}: {field.message}" for field in new[:_TOLD_FIELDS]]
    return "; ".join([detail, *faults])


def _openai_pointer(pointer: str) -> str:
    """Return a place in a job's request as the place in OpenAI's body."""
    first, _, rest = pointer.lstrip("/").partition("/")
    if first == "input" and rest:
        return "/" + rest.removeprefix("extra_body/")
    if first == "end_user":
        return "/safety_identifier"
    return f"/{GENQ}{pointer}" if first in _OF_GENQ else pointer


def _parameter(pointer: str) -> str:
    names = pointer.lstrip("/").split("/")
    if names[0] in {"query", "headers"}:
        names = names[1:]
    return ".".join(name.replace("~1", "/").replace("~0", "~") for name in names)
