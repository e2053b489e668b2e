"""What each SDK call says to the server and makes of its answers, without any I/O.

Every exchange is a generator that yields a ``Call`` and is sent the ``Answer``, so that
``Genq`` and ``AsyncGenq`` share one truth about paths, long polling and sending again.
"""

import json
import math
import secrets
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeVar

from genq.decoding import decode, read_cancel_report, read_job, read_slice
from genq.errors import (
    ConfigurationError,
    NoAnswerError,
    ServerUnreachableError,
    WaitTimeoutError,
    error_of,
)
from genq.models import CancelReport, Job, Slice

# Pauses, in seconds, before a submit that met a broken connection is sent again.
RESEND_PAUSES: Final = (0.1, 0.3, 0.6)
# How long one request may be held by the server while the job goes on, in seconds. Whoever
# watches changes hears of them at least this often.
HOLD: Final = 30
HOLD_WATCHED: Final = 1
# How long the server may work on one request that cancels many jobs, in seconds.
CANCEL_HOLD: Final = 10
# A server that does not hold requests is not asked again sooner than this.
PAUSE_UNHELD: Final = 0.25


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    Attributes:
        hold: Seconds that the server may keep the request, on top of the client's timeout.
        after: Seconds to pause before it is sent.
        follow: Whether a redirect is followed; only object bytes come from elsewhere.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    hold: float = 0
    after: float = 0
    follow: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case, ``seconds`` is how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0


Result = TypeVar("Result")
Exchange = Generator[Call, Answer, Result]
OnChange = Callable[[Job], object]


def create_job(
    body: Mapping[str, object], *, idempotency_key: str | None, wait: float | None
) -> Exchange[Job]:
    """Submit a job; a broken connection is tried again under the same idempotency key."""
    headers = {
        "content-type": "application/json",
        # Without a key of the caller's own, a new one still makes sending twice safe.
        "idempotency-key": idempotency_key or secrets.token_urlsafe(24),
    }
    call = Call("POST", "/v1/jobs", headers=headers, body=_json(body, "the job"))
    answer = yield from _send_persistently(_held(call, wait))
    return read_job(decode(_good(answer).body))


def get_job(job_id: str, *, wait: float | None) -> Exchange[Job]:
    """Read one job, held by the server for up to ``wait`` seconds until it has ended."""
    answer = yield _held(Call("GET", _job_path(job_id)), wait)
    return read_job(decode(_good(answer).body))


def cancel_job(job_id: str, *, wait: float | None) -> Exchange[Job]:
    """Cancel one job; doing it twice is doing it once, so it is sent again if need be."""
    call = Call("POST", f"{_job_path(job_id)}/cancel")
    answer = yield from _send_persistently(_held(call, wait))
    return read_job(decode(_good(answer).body))


def cancel_jobs(wanted: Mapping[str, object]) -> Exchange[CancelReport]:
    """Cancel all jobs that fit, in as many requests as it takes."""
    content = _json(wanted, "the choice of jobs")
    headers = {"content-type": "application/json"}
    call = Call("POST", "/v1/jobs/cancel", headers=headers, body=content, hold=CANCEL_HOLD)
    cancelled = 0
    while True:
        answer = yield from _send_persistently(call)
        report, more = read_cancel_report(decode(_good(answer).body))
        cancelled += report.cancelled
        if not more:
            # Jobs that run are found by every request, jobs that waited only by one.
            matched = cancelled + report.matched - report.cancelled
            return replace(report, matched=matched, cancelled=cancelled)


def list_jobs(query: Mapping[str, object]) -> Exchange[Slice]:
    """Read one page of jobs, newest first."""
    given = {name: str(value) for name, value in query.items() if value is not None}
    answer = yield Call("GET", "/v1/jobs", query=given)
    return read_slice(decode(_good(answer).body))


def get_artifact(job_id: str, index: int) -> Exchange[bytes]:
    """Read the bytes of one output."""
    answer = yield Call("GET", f"{_job_path(job_id)}/artifacts/{index:d}", follow=True)
    return _good(answer).body


def wait_for_job(
    job_id: str, *, timeout: float | None, on_change: OnChange | None
) -> Exchange[Job]:
    """Long-poll until the job has ended; ``on_change`` hears of each new state on the way.

    Raises:
        WaitTimeoutError: ``timeout`` seconds have passed; the job goes on.
    """
    spent, pause = 0.0, 0.0
    seen: tuple[object, ...] = ()
    while True:
        left = math.inf if timeout is None else max(timeout - spent, 0)
        wait = min(HOLD if on_change is None else HOLD_WATCHED, left)
        answer = yield replace(_held(Call("GET", _job_path(job_id)), wait), after=pause)
        job = read_job(decode(_good(answer).body))
        state = (job.status, job.waiting_on, job.attempts)
        if on_change is not None and state != seen:
            seen = state
            on_change(job)
        if job.done:
            return job
        spent += answer.seconds + pause
        if timeout is not None and spent >= timeout:
            raise WaitTimeoutError(job_id, job.status, timeout)
        pause = PAUSE_UNHELD if answer.seconds < PAUSE_UNHELD else 0.0


def _json(body: Mapping[str, object], what: str) -> bytes:
    given = {name: value for name, value in body.items() if value is not None}
    try:
        content = json.dumps(given, allow_nan=False, ensure_ascii=False, default=_instant)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{what} cannot be written as JSON: {error}") from None
    return content.encode()


def _instant(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    if value.tzinfo is None:
        raise ValueError(f"{value} lacks its offset from UTC")
    return value.isoformat()


def _send_persistently(call: Call) -> Exchange[Answer]:
    for pause in RESEND_PAUSES:
        try:
            return (yield call)
        except NoAnswerError:
            # It was sent and time ran out: sending it again would only wait as long again.
            raise
        except ServerUnreachableError:
            call = replace(call, after=pause)
    return (yield call)


def _held(call: Call, wait: float | None) -> Call:
    if not wait:
        return call
    seconds = math.ceil(wait)
    return replace(call, headers={**call.headers, "prefer": f"wait={seconds}"}, hold=seconds)


def _job_path(job_id: str) -> str:
    # An id is letters, digits and "_"; anything else could lead to another route.
    if not job_id or not job_id.replace("_", "").replace("-", "").isalnum():
        raise ConfigurationError(f"{job_id!r} is not a job id; expected job_… (genq jobs list)")
    return f"/v1/jobs/{job_id}"


def _good(answer: Answer) -> Answer:
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise error_of(answer.status, answer.headers, answer.body)
    return answer
