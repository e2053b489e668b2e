"""The routes of responses: ask for one, look at it, follow it, cancel it, delete it."""

import re
from dataclasses import replace
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job
from infra.postgres.tenants import Tenant
from producer.api.bodies import encode, read_json
from producer.api.cancel import canceller_of
from producer.api.services import Services
from producer.openai.hold import (
    TakenCall,
    answer_end,
    delivered,
    held_answer,
    reading_of,
    take_call,
)
from producer.openai.responses import BackgroundResponses, Responses
from producer.openai.responses_erasing import erase_response
from producer.openai.responses_events import BEFORE_ALL
from producer.openai.responses_items import output_of
from producer.openai.responses_stream import ResponseStream, streamed_response
from producer.openai.responses_view import aside_of, response_view
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.facade_errors import StillRunningError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.privacy_errors import ContentErasedError
from schemas.queue_errors import JobEndedError
from schemas.response import BACKGROUND_FACE, RESPONSE_FACES

_JSON: Final = "application/json"
# A worker lets go of a job within this, unless it hangs.
_LET_GO_SECONDS: Final = 5.0
_LARGEST_NUMBER: Final = 2**53
_NUMBER: Final = re.compile(r"\d{1,16}", re.ASCII)
_WAITS: Final = Responses()
_BACKGROUND: Final = BackgroundResponses()


async def create_response(services: Services, tenant: Tenant, request: Request) -> Response:
    """Ask for a response: answered at once in the background, else when it has ended."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    if not isinstance(body, dict):
        raise InputError('the body must be an object, such as {"model": …, "input": …}')
    asked = cast("dict[str, Any]", body)
    background, streamed = _flag(asked, "background"), _flag(asked, "stream")
    endpoint = _BACKGROUND if background else _WAITS
    if streamed:
        return await streamed_response(services, tenant, request, endpoint, asked)
    if not background:
        return await held_answer(services, tenant, request, endpoint, asked)
    call = await take_call(services, tenant, request, endpoint, asked, aside=aside_of(asked))
    if call.job.state is JobState.BLOCKED and call.job.started_at is None:
        return await answer_end(services, call, call.job, request)
    delivered(services, call)
    return await _accepted(services, call, asked)


async def show_response(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with a response, or follow it: ``?stream=true&starting_after=N``."""
    job = await _find(services, tenant, request)
    after = _starting_after(request)
    if request.query_params.get("stream", "").lower() == "true":
        return ResponseStream(services, job, after=after)
    return await _shown(services, job)


async def cancel_response(services: Services, tenant: Tenant, request: Request) -> Response:
    """End a response; one that has ended stays as it is."""
    job = await _ended(services, tenant, await _find(services, tenant, request), request)
    return await _shown(services, job)


async def delete_response(services: Services, tenant: Tenant, request: Request) -> Response:
    """Erase a response, having ended it if need be."""
    job = await _ended(services, tenant, await _find(services, tenant, request), request)
    shown = format_id("resp", job.id)
    if not job.state.final:
        raise StillRunningError(f"{shown} is being cancelled first; delete it in a moment")
    await erase_response(services.engine, services.settings, services.store, job)
    return Response(
        encode({"id": shown, "object": "response", "deleted": True}), 200, None, _JSON
    )


async def _accepted(services: Services, call: TakenCall, asked: dict[str, Any]) -> Response:
    # Fresh from its submit, or as a call found it that this one repeats.
    job = replace(call.job, face=BACKGROUND_FACE, aside=aside_of(asked))
    return await _shown(services, job, dict(call.headers))


async def _shown(
    services: Services, job: JobRecord, headers: dict[str, str] | None = None
) -> Response:
    if job.output_erased:
        raise ContentErasedError(
            f"what {format_id('resp', job.id)} made is gone: it was erased"
        )
    reading = reading_of(services)
    output = await output_of(job, reading.store)
    view = response_view(job, output, reading.public_url)
    return Response(encode(view), 200, headers, _JSON)


async def _find(services: Services, tenant: Tenant, request: Request) -> JobRecord:
    shown: str = request.path_params["response_id"]
    unknown = f"there is no response {shown[:64]}"
    try:
        job_id = parse_id("resp", shown)
    except InvalidIdError as error:
        raise NotFoundError(f"{unknown}; of a response's id: {error}") from None
    async with transaction(services.engine) as connection:
        job = await get_job(connection, tenant.id, job_id)
    if job is None or job.face not in RESPONSE_FACES:
        raise NotFoundError(unknown)
    if job.content == "erased":
        raise NotFoundError(f"{unknown} any more: it was deleted, or its time was over")
    return job


async def _ended(
    services: Services, tenant: Tenant, job: JobRecord, request: Request
) -> JobRecord:
    """Cancel a job, and give its worker a moment to let go of it."""
    if job.state.final:
        return job
    try:
        job = await canceller_of(services).cancel(tenant.id, job.id) or job
    except JobEndedError:
        # It ended meanwhile, by itself.
        return await _find(services, tenant, request)
    if job.state.final:
        return job
    return await services.waiters.ended(job, seconds=_LET_GO_SECONDS, receive=request.receive)


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    message = "must be true or false"
    raise InputError(f"{name} {message}", fields=[FieldError(f"/{name}", message)])


def _starting_after(request: Request) -> int:
    written = request.query_params.get("starting_after")
    if written is None:
        return BEFORE_ALL
    if _NUMBER.fullmatch(written) and int(written) <= _LARGEST_NUMBER:
        return int(written)
    message = "must be the sequence_number of an event"
    fault = FieldError("/query/starting_after", message)
    raise InputError(f"starting_after {message}", fields=[fault])
