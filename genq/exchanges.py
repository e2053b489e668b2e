"""What the calls about jobs say to the server and make of its answers, without any I/O."""

import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from genq.bulk_models import ActionReport, Bulk, read_action_report, read_bulk
from genq.calls import (
    IDEMPOTENCY_KEY,
    Call,
    Exchange,
    found_in,
    good,
    json_bytes,
    place,
    query_of,
    sending,
)
from genq.decoding import decode, read_cancel_report, read_job, read_slice
from genq.event_models import is_last
from genq.job_requests import JobRequest, body_of
from genq.listening import Source
from genq.models import CancelReport, Job
from genq.pages import Found
from genq.pictures import Picture, form_of

_JOBS: Final = "/v1/jobs"
# How long the server may work on one request that changes many jobs, in seconds.
BULK_HOLD: Final = 10
# How long it may work on the pictures of a job once their last byte was sent.
_UPLOADING: Final = 60


def new_key() -> str:
    """Return an idempotency key: what carries one may be sent twice."""
    return secrets.token_urlsafe(24)


def create_job(
    body: Mapping[str, object],
    *,
    idempotency_key: str | None,
    wait: float | None,
    images: Sequence[Picture] | None = None,
    mask: Picture | None = None,
) -> Exchange[Job]:
    """Submit a job, under an idempotency key in any case; as a form, if it has pictures."""
    key = idempotency_key or new_key()
    form = form_of(body_of(body), images, mask)
    patience = 0 if form is None else _UPLOADING
    if form is None:
        call = sending("POST", _JOBS, body_of(body), "the job", key=key)
    else:
        headers = {IDEMPOTENCY_KEY: key}
        call = Call("POST", _JOBS, headers=headers, upload=form)
    asked = held(call, wait)
    return read_job(found_in((yield replace(asked, hold=asked.hold + patience))))


def create_jobs(
    jobs: Iterable[JobRequest | Mapping[str, object]],
    *,
    all_or_nothing: bool,
    idempotency_key: str | None,
) -> Exchange[Bulk]:
    """Submit many jobs in one request, under an idempotency key in any case."""
    body: dict[str, object] = {
        "jobs": [body_of({**job}) for job in jobs],
        "mode": "all_or_nothing" if all_or_nothing else "per_item",
    }
    key = idempotency_key or new_key()
    call = sending("POST", f"{_JOBS}/bulk", body, "the jobs", key=key)
    return read_bulk(found_in((yield replace(call, hold=BULK_HOLD))))


def get_job(job_id: str, *, wait: float | None) -> Exchange[Job]:
    """Read one job, held by the server for up to ``wait`` seconds until it has ended."""
    return read_job(found_in((yield held(Call("GET", job_path(job_id)), wait))))


def cancel_job(job_id: str, *, wait: float | None) -> Exchange[Job]:
    """Cancel one job; doing it twice is doing it once."""
    call = Call("POST", f"{job_path(job_id)}/cancel", repeatable=True)
    return read_job(found_in((yield held(call, wait))))


def cancel_jobs(wanted: Mapping[str, object]) -> Exchange[CancelReport]:
    """Cancel all jobs that fit, in as many requests as it takes."""
    call = sending("POST", f"{_JOBS}/cancel", wanted, "the choice of jobs")
    call = replace(call, hold=BULK_HOLD, repeatable=True)
    cancelled = 0
    while True:
        answer = yield call
        report, more = read_cancel_report(decode(good(answer).body))
        cancelled += report.cancelled
        if not more:
            # Jobs that run are found by every request, jobs that waited only by one.
            matched = cancelled + report.matched - report.cancelled
            return replace(report, matched=matched, cancelled=cancelled)


def retry_job(job_id: str, *, new_attempt: bool, idempotency_key: str | None) -> Exchange[Job]:
    """Try one job again, under an idempotency key in any case."""
    body = {"as": "new_attempt" if new_attempt else "new_job"}
    key = idempotency_key or new_key()
    call = sending("POST", f"{job_path(job_id)}/retry", body, "the retry", key=key)
    return read_job(found_in((yield call)))


def retry_jobs(
    filters: Mapping[str, object], *, every: bool, dry_run: bool
) -> Exchange[ActionReport]:
    """Try all jobs again that fit, in as many requests as it takes."""
    given = {name: value for name, value in filters.items() if value is not None}
    wanted = {"action": "retry", "filter": given, "all": every, "dry_run": dry_run}
    call = sending("POST", f"{_JOBS}/actions", wanted, "the choice of jobs")
    # Each job is tried again once, ever: asking twice is asking once.
    call = replace(call, hold=BULK_HOLD, repeatable=True)
    so_far: ActionReport | None = None
    while True:
        report = read_action_report(found_in((yield call)))
        so_far = report.after(so_far)
        if not report.has_more or report.cursor is None:
            return so_far
        body = json_bytes({**wanted, "cursor": report.cursor}, "the choice of jobs")
        call = replace(call, body=body)


def list_jobs(query: Mapping[str, object]) -> Exchange[Found[Job]]:
    """Read one page of jobs, newest first."""
    page = read_slice(found_in((yield Call("GET", _JOBS, query=query_of(query)))))
    return page.jobs, page.next


def get_artifact(job_id: str, index: int) -> Exchange[bytes]:
    """Read the bytes of one output."""
    answer = yield Call("GET", f"{job_path(job_id)}/artifacts/{index:d}", follow=True)
    return good(answer).body


def get_manifest(job_id: str) -> Exchange[bytes]:
    """Read the manifest of a job that has ended, byte for byte."""
    return good((yield Call("GET", f"{job_path(job_id)}/manifest.json"))).body


def get_grid(job_id: str, query: Mapping[str, object]) -> Exchange[bytes]:
    """Read the outputs of a job on one sheet."""
    answer = yield Call("GET", f"{job_path(job_id)}/grid", query=query_of(query))
    return good(answer).body


def get_preview(job_id: str) -> Exchange[bytes | None]:
    """Read the latest picture of a running job's state, if there is one."""
    answer = yield Call("GET", f"{job_path(job_id)}/preview")
    if answer.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}:
        return None
    return good(answer).body


def job_source(job_id: str) -> Source:
    """Return where the live events of a job come from."""
    return Source(f"{job_path(job_id)}/events", {}, is_last)


def feed_source(after: str | None, types: Sequence[str] | None) -> Source:
    """Return where the events of all jobs come from."""
    return Source(
        "/v1/events", query_of({"after": after, "type": ",".join(types) if types else None})
    )


def held(call: Call, wait: float | None) -> Call:
    """Return the call, held by the server for up to ``wait`` seconds, rounded up."""
    if not wait:
        return call
    seconds = math.ceil(wait)
    return replace(call, headers={**call.headers, "prefer": f"wait={seconds}"}, hold=seconds)


def job_path(job_id: str) -> str:
    """Return the path of a job.

    Raises:
        ConfigurationError: It is no id.
    """
    return place("job_", job_id, _JOBS)
