"""Hold and attach: calls that are answered with their job's end, however long that takes.

A call becomes a job and waits for its end. When its time is up, it is answered 408: OpenAI's
clients then repeat it by themselves, and the repetition attaches to the job of the first. So an
unmodified client waits for three times the hold, and its work is done, and charged, once.
"""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from infra.new_ids import new_key as new_id
from infra.postgres.engine import transaction
from infra.postgres.held_calls import Held
from infra.postgres.read_jobs import get_job
from infra.postgres.tenants import Tenant
from infra.telemetry.metrics import CALLS_ATTACHED, CALLS_SENT_ROUND, HELD_CALLS
from producer.api.bodies import encode
from producer.api.cancel import canceller_of
from producer.api.preferences import idempotency_key
from producer.api.problems import MEDIA_TYPE, REQUEST_ID
from producer.api.request_hash import hash_of
from producer.api.services import Services
from producer.draft import NOTHING
from producer.openai.call_headers import (
    cancels,
    defaults_of,
    hold_seconds,
    is_repeated,
    repeats,
)
from producer.openai.client_line import Line
from producer.openai.ended_answer import Called, ended_answer
from producer.openai.ended_headers import ended_headers
from producer.openai.endpoint import Reading
from producer.openai.problems import openai_problem
from producer.openai.refusals import NO_RETRY, refusal_of
from producer.submit import Submitted
from schemas.errors import DatabaseUnavailableError, GenqError
from schemas.facade_errors import DrainingError, StillRunningError
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.model_catalog import picture_models
from schemas.privacy_errors import ContentErasedError
from schemas.queue_errors import DuplicateJobError, JobEndedError
from schemas.response import BACKGROUND_FACE

# Nobody reads it.
CLIENT_LEFT: Final = 499
UNIQUE_REPLAYED: Final = "unique-replayed"


@dataclass(frozen=True, slots=True)
class TakenCall:
    """A call that has a job.

    Attributes:
        endpoint: Which was called.
        asked: What, as JSON.
        held: Its entry in the book; ``None``: repetitions do not attach to it by what they say.
        seconds: How long it can be held.
        comes_back: Whether its client repeats it by itself, and will find the job.
        known: What is known of its job; ask for ``job``.
        headers: What its answer tells of the job, whatever else it says.
    """

    endpoint: Called
    asked: Mapping[str, Any]
    held: Held | None
    seconds: float
    comes_back: bool
    known: JobRecord | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def job(self) -> JobRecord:
        """What is known of its job."""
        if self.known is None:
            raise LookupError("the call has no job yet")
        return self.known

    def of(self, job: JobRecord, told: Mapping[str, str] = MappingProxyType({})) -> "TakenCall":
        """Return the call, whose job is this one; ``told`` are more headers."""
        headers = {"x-genq-job-id": format_id("job", job.id), **told}
        held = replace(self.held, job_id=job.id) if self.held else None
        return replace(self, known=job, held=held, headers=headers)


async def held_answer(
    services: Services,
    tenant: Tenant,
    request: Request,
    endpoint: Called,
    body: Mapping[str, Any],
) -> Response:
    """Answer a call with its job's end, or send its client round.

    Args:
        services: Of the process.
        tenant: Who calls.
        request: Its body has been read.
        endpoint: Which is called.
        body: What it was asked, as JSON.

    Raises:
        GenqError: The call was not accepted.
    """
    call = await take_call(services, tenant, request, endpoint, body)
    return await answer_taken(services, call, request)


async def answer_taken(services: Services, call: TakenCall, request: Request) -> Response:
    """Answer a call that has its job: with the job's end, or send its client round.

    Raises:
        GenqError: The job's end cannot be told.
    """
    line = Line(request.receive)
    ended = services.waiters.ended(call.job, seconds=call.seconds, receive=line.receive)
    try:
        with HELD_CALLS.track_inprogress():
            job = await ended
    except BaseException:
        await let_go(services, call)
        raise
    if job.state.final:
        return await answer_end(services, call, job, request)
    await let_go(services, call, cancel=line.gone and cancels(request.headers))
    if line.gone:
        return Response(status_code=CLIENT_LEFT)
    return sent_round(services, call, request)


async def take_call(
    services: Services,
    tenant: Tenant,
    request: Request,
    endpoint: Called,
    body: Mapping[str, Any],
    *,
    aside: Mapping[str, Any] = NOTHING,
    files: Sequence[UUID] = (),
) -> TakenCall:
    """Return the call with its job: the one of the call that it repeats, or a new one.

    Whoever takes a call lets it go again (``let_go``), or delivers its end (``delivered``).

    Raises:
        GenqError: As ``Submitter.submit``, and what ``Endpoint.request_of`` says.
    """
    headers = request.headers
    seconds = hold_seconds(headers, services.settings.facade_max_hold.total_seconds())
    key = idempotency_key(headers, endpoint.path)
    cancels(headers)  # refused before there is a job
    models = picture_models(services.settings.model_servers)
    wanted = endpoint.request_of(body, replace(defaults_of(headers), image_models=models))
    # What has a key is found by it, by whoever sends it again.
    dedupe = key is None and services.settings.facade_dedupe
    held = Held(tenant.id, _digest(endpoint.path, body), new_id(), seconds) if dedupe else None
    back = repeats(headers) and (dedupe or key is not None)
    call = TakenCall(endpoint, body, held=held, seconds=seconds, comes_back=back)
    again = is_repeated(headers)
    found = await _attached(services, tenant, held) if held is not None and again else None
    if found is not None:
        CALLS_ATTACHED.inc()
        return call.of(found)
    with services.book.unsure(held, again=again) as held:
        submitted = await services.submitter.submit(
            tenant,
            wanted,
            idempotency_key=key,
            body_hash=hash_of(body) if key else b"",
            face=endpoint.face,
            aside=aside,
            held=held,
            files=files,
        )
    call = call.of(submitted.job, _told(submitted, wanted.kind, endpoint.face))
    if call.held is not None and submitted.found:  # else it was written with its job
        await services.book.hold(call.held)
    return call


async def let_go(services: Services, call: TakenCall, *, cancel: bool = False) -> None:
    """Let a repetition have the job, whose caller waits no more.

    Args:
        services: Of the process.
        call: Which was not answered with its job's end.
        cancel: End the job with it, unless it is somebody else's as well.
    """
    found = UNIQUE_REPLAYED in call.headers
    cancel = cancel and not found and not services.waiters.waiting_for(call.job.id)
    if call.held is not None:
        if cancel:
            with contextlib.suppress(DatabaseUnavailableError):
                await services.book.drop(call.held)
        else:
            await services.book.hold(replace(call.held, seconds=0.0))
    if cancel:
        with contextlib.suppress(JobEndedError):
            await canceller_of(services).cancel(call.job.tenant_id, call.job.id)


def delivered(services: Services, call: TakenCall) -> None:
    """Note that the job's end is on its way to the caller."""
    if call.held is not None:
        services.book.deliver(replace(call.held, seconds=0.0, delivered=True))


async def answer_end(
    services: Services, call: TakenCall, job: JobRecord, request: Request
) -> Response:
    """Answer with what became of the job: OpenAI's body, or why there is none.

    Raises:
        ContentErasedError: Retention, or an erasure, took what the job made.
        ObjectStoreError: An artifact could not be read; the job is there for a repetition.
    """
    if job.state is not JobState.SUCCEEDED:
        status, body = refusal_of(job, services.public_url)
        body["instance"] = request.scope.get(REQUEST_ID)
        delivered(services, call)
        return Response(encode(body), status, {**call.headers, **NO_RETRY}, MEDIA_TYPE)
    if job.output_erased:
        raise ContentErasedError("what the job made is gone: retention or an erasure took it")
    headers = {**call.headers, **ended_headers(job)}
    try:
        answer = await ended_answer(
            call.endpoint, job, call.asked, reading_of(services), headers
        )
    except GenqError:
        await let_go(services, call)
        raise
    delivered(services, call)
    return answer


def sent_round(services: Services, call: TakenCall, request: Request) -> Response:
    """Answer a call whose job goes on: its client comes back by itself, or knows where to."""
    shown = format_id("job", call.job.id)
    headers = call.headers if call.comes_back else {**call.headers, **NO_RETRY}
    if services.waiters.closing:
        error: GenqError = DrainingError(
            f"this server is about to stop; job {shown} goes on: send the call again, or see"
            f" GET /v1/jobs/{shown}"
        )
    else:
        CALLS_SENT_ROUND.inc()
        error = StillRunningError(
            f"job {shown} has not ended after {call.seconds:.0f} s and goes on: see"
            f" GET /v1/jobs/{shown}, and cancel it there if nobody wants it any more"
        )
    return openai_problem(error, request.scope, headers)


def reading_of(services: Services) -> Reading:
    """Return what is needed to show what this process's jobs made."""
    return Reading(services.store, services.public_url, services.links)


async def _attached(services: Services, tenant: Tenant, call: Held) -> JobRecord | None:
    job_id = await services.book.attach(tenant.id, call.digest, seconds=call.seconds)
    if job_id is None:
        return None
    async with transaction(services.engine) as connection:
        return await get_job(connection, tenant.id, job_id)


def _same(job: JobRecord, kind: Kind, face: str) -> bool:
    return job.kind is kind and (face == job.face or BACKGROUND_FACE not in {face, job.face})


def _digest(path: str, body: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(path.encode() + b"\0" + hash_of(body)).digest()


def _told(submitted: Submitted, kind: Kind, face: str) -> dict[str, str]:
    if submitted.found and not _same(submitted.job, kind, face):
        raise DuplicateJobError("the job that holds the unique key makes something else")
    told: dict[str, str] = {}
    if submitted.replayed:
        told["idempotent-replayed"] = "true"
    if submitted.found:
        told[UNIQUE_REPLAYED] = "true"
    if submitted.downgraded:
        told["budget-downgraded"] = submitted.job.lane.value
    return told
