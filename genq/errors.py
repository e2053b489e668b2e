"""Every way a call to genq can fail: one class for each thing to do about it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from genq.models import Job

_SNIPPET_CHARACTERS: Final = 200
_NOTHING: Final[Mapping[str, object]] = {}
_BLOCKED_CODES: Final = frozenset({"content_blocked", "model_refused_content"})
_BUDGET_CODES: Final = frozenset({"budget_exhausted", "budget_too_small"})


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault in a request: where (a JSON pointer such as ``/input/size``) and what."""

    pointer: str
    message: str


class GenqError(Exception):
    """The root of the tree; ``message`` says what happened and what to do next.

    Attributes:
        request_id: Names the request in the server's log, where a request failed.
        error_id: Names the fault in the server's log, where the server told one.
    """

    request_id: str | None = None
    error_id: str | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(GenqError):
    """No server or no key is known, or the profile cannot be read."""


class ServerUnreachableError(GenqError):
    """No connection, or it broke before the answer was complete."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f"cannot reach genq at {url}; is `genq up` running? ({cause})")
        self.url = url


class NoAnswerError(ServerUnreachableError):
    """The server took the request and did not answer in time."""


class UnexpectedAnswerError(GenqError):
    """What answered does not speak genq's API."""


class WaitTimeoutError(GenqError):
    """The job did not end in the time that the caller was willing to wait; it goes on."""

    def __init__(self, job_id: str, status: str, seconds: float) -> None:
        super().__init__(f"{job_id} is still {status} after {seconds:g} s; it goes on")
        self.job_id = job_id
        self.status = status


class JobFailedError(GenqError):
    """The job ended without a result.

    Attributes:
        job_id: The job.
        status: ``failed``, ``cancelled``, ``expired`` or ``blocked``.
        code: The stable code of the job's error, if it has one.
        job: The job itself, with its error.
    """

    def __init__(
        self,
        job_id: str,
        status: str,
        code: str | None,
        reason: str | None,
        *,
        job: "Job | None" = None,
    ) -> None:
        why = f": {reason}" if reason else ""
        super().__init__(f"{job_id} {status}{why}" + (f" ({code})" if code else ""))
        self.job_id = job_id
        self.status = status
        self.code = code
        self.job = job
        self.error_id = job.error.error_id if job and job.error else None


class JobBlockedError(JobFailedError):
    """A safety rule refused the job's prompt or its output."""


class ApiError(GenqError):
    """The server answered with a problem.

    Attributes:
        status: The HTTP status.
        code: Stable, machine-readable name such as ``invalid_request``.
        request_id: Names this request in the server's log.
        error_id: Names the fault in the server's log.
        errors: The faults in the request, if that is what is wrong.
        retryable: Whether the same request can succeed later, unchanged.
        retry_after: Seconds until the next try makes sense, if the server said so.
        problem: The answer's body as it came, for what this release does not know.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        request_id: str | None = None,
        error_id: str | None = None,
        errors: tuple[FieldFault, ...] = (),
        retryable: bool = False,
        retry_after: float | None = None,
        problem: Mapping[str, object] = _NOTHING,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.error_id = error_id
        self.errors = errors
        self.retryable = retryable
        self.retry_after = retry_after
        self.problem = problem

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        lines = [f"{self.message} ({self.code}, HTTP {self.status}{request})"]
        # Some messages already tell their faults; twice is once too often.
        lines += [
            f"  {fault.pointer}: {fault.message}"
            for fault in self.errors
            if fault.message not in self.message
        ]
        return "\n".join(lines)


class InvalidRequestError(ApiError):
    """The request must change before it can succeed."""


class AuthenticationError(ApiError):
    """No key, or one that the server does not know."""


class PermissionDeniedError(ApiError):
    """The key is good, but not for this."""


class NotFoundError(ApiError):
    """No such thing, or not this key's."""


class ConflictError(ApiError):
    """The request contradicts what the server already has."""


class RateLimitedError(ApiError):
    """Too many requests; ``retry_after`` says in how many seconds to come back."""


class BudgetExhaustedError(RateLimitedError):
    """The budget of the tenant or its end user is spent; ``retry_after``: until its reset."""


class BlockedError(ApiError):
    """A safety rule refused the request."""


class ServerError(ApiError):
    """The server failed; the fault is not in the request."""


class UnavailableError(ServerError):
    """The server, or one that it needs, is away; ``retry_after`` says for how long."""


_CLASSES: Final[Mapping[int, type[ApiError]]] = {
    HTTPStatus.UNAUTHORIZED: AuthenticationError,
    HTTPStatus.PAYMENT_REQUIRED: BudgetExhaustedError,
    HTTPStatus.FORBIDDEN: PermissionDeniedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimitedError,
    HTTPStatus.BAD_GATEWAY: UnavailableError,
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError,
    HTTPStatus.GATEWAY_TIMEOUT: UnavailableError,
}


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Return the error that an answer of 400 or more stands for.

    Args:
        status: The HTTP status.
        headers: With names in lower case.
        body: ``application/problem+json``, or whatever a proxy in between wrote.
    """
    problem = _problem(body)
    code = _text(problem.get("code")) or f"http_{status}"
    return _class_of(status, code)(
        _message(problem, status, body),
        status=status,
        code=code,
        request_id=headers.get("x-request-id") or _text(problem.get("instance")),
        error_id=_text(problem.get("error_id")),
        errors=_faults(problem.get("errors")),
        retryable=problem.get("retryable") is True,
        retry_after=seconds_of(headers.get("retry-after")),
        problem=problem,
    )


def seconds_of(value: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header; ``None`` where it names none."""
    try:
        seconds = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _class_of(status: int, code: str) -> type[ApiError]:
    if code in _BLOCKED_CODES:
        return BlockedError
    if code in _BUDGET_CODES:
        return BudgetExhaustedError
    ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return _CLASSES.get(status, ServerError if ours else InvalidRequestError)


def _problem(body: bytes) -> Mapping[str, object]:
    try:
        found: object = json.loads(body)
    except ValueError:
        return _NOTHING
    return cast("Mapping[str, object]", found) if isinstance(found, dict) else _NOTHING


def _message(problem: Mapping[str, object], status: int, body: bytes) -> str:
    nested = problem.get("error")
    inner = cast("Mapping[str, object]", nested) if isinstance(nested, dict) else _NOTHING
    known = [problem.get("detail"), inner.get("message"), problem.get("title")]
    said = next((text for text in known if isinstance(text, str) and text), None)
    if said is None:
        said = " ".join(body[:_SNIPPET_CHARACTERS].decode(errors="replace").split())
    return said or f"the server answered {status} without a reason"


def _faults(found: object) -> tuple[FieldFault, ...]:
    if not isinstance(found, list):
        return ()
    faults: list[FieldFault] = []
    for item in cast("list[object]", found):
        if isinstance(item, dict):
            fault = cast("Mapping[str, object]", item)
            said = _text(fault.get("message")) or _text(fault.get("detail")) or "is not valid"
            faults.append(FieldFault(_text(fault.get("pointer")) or "/", said))
    return tuple(faults)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
