"""The routes that follow one job: its stream of events, and the preview of a running one."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.job_moves import read_moves
from infra.postgres.tenants import Tenant
from producer.api.jobs import find_job
from producer.api.live_job import LiveJob
from producer.api.live_stream import EventStream, finished_stream
from producer.api.services import Services
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.job_states import JobState
from schemas.progress import BEFORE_ALL, END, InvalidPlaceError, Place, parse_place

_NO_STORE: Final = {"cache-control": "no-store"}
# A preview is what a model made: shown, but never run, whatever it contains.
_SAFETY: Final = {
    "cache-control": "private, no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
}


async def watch_job(services: Services, tenant: Tenant, request: Request) -> Response:
    """Stream what happens to a job, from its beginning or from behind the last event seen.

    Raises:
        InputError: What was seen last is not the id of an event of a job.
        NotFoundError: The tenant has no such job.
    """
    seen = _last_seen(request)
    job = await find_job(services, tenant, request)
    if not job.state.final:
        return EventStream(services.live.watching(job, seen))
    if seen == END:
        # A browser's EventSource comes back for ever, unless it is told so.
        return Response(None, 204, _NO_STORE)
    async with transaction(services.engine) as connection:
        moves = await read_moves(connection, [(job.id, job.tenant_id)])
    live = LiveJob(job, services.public_url)
    if job.id in moves:
        live.moved(moves[job.id], job)
    return finished_stream(live.after(seen)[0])


async def show_preview(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with a small picture of what a running job has made so far.

    Raises:
        NotFoundError: No such job, or it is not running, or it has no preview.
        ValkeyUnavailableError: Nobody knows.
    """
    job = await find_job(services, tenant, request)
    picture = None
    if job.state is JobState.RUNNING:
        picture = await services.progress.preview_of(job.id)
    if picture is None:
        raise NotFoundError(
            "the job has no preview now: there is one while it runs, if somebody watches its "
            "events and its model server streams partial pictures"
        )
    return Response(picture, 200, _SAFETY, "image/jpeg")


def _last_seen(request: Request) -> Place:
    # The header is what the client saw last; the URL may be that of its first call.
    by_header = request.headers.get("last-event-id")
    written = by_header or request.query_params.get("last_event_id")
    if not written:
        return BEFORE_ALL
    try:
        return parse_place(written)
    except InvalidPlaceError as error:
        name = "Last-Event-ID" if by_header else "last_event_id"
        pointer = f"/headers/{name}" if by_header else f"/query/{name}"
        fault = FieldError(pointer, str(error))
        raise InputError(f"{name} is not acceptable", fields=[fault]) from None
