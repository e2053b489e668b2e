"""The routes of jobs: look at one, list them; how one that was accepted is answered."""

import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.list_jobs import count_jobs, list_jobs
from infra.postgres.read_jobs import get_job
from infra.postgres.tenants import Tenant
from producer.api.bodies import encode
from producer.api.job_filters import read_page_query
from producer.api.pages import page_body, page_link
from producer.api.preferences import is_known, preferred_wait
from producer.api.services import Services
from producer.position import placed
from producer.submit import Submitted
from schemas.errors import NotFoundError
from schemas.ids import InvalidIdError, parse_id
from schemas.job import JobRecord, job_view
from schemas.job_filter import JobFilter
from schemas.job_states import JobState

_JSON: Final = "application/json"
_ETAG_BYTES: Final = 12


async def answer_submitted(
    services: Services, submitted: Submitted, wait: int | None, request: Request
) -> Response:
    """Answer with a job that was accepted: 202, or 200 if it ended while the caller waited.

    Args:
        services: Of this process.
        submitted: The job.
        wait: For how many seconds the caller would like to wait for its end.
        request: Ends the wait when its sender goes away.
    """
    job = submitted.job
    headers: dict[str, str] = {}
    if submitted.replayed:
        headers["idempotent-replayed"] = "true"
    if submitted.found:
        headers["unique-replayed"] = "true"
    if submitted.downgraded:
        headers["budget-downgraded"] = job.lane.value
    if wait is not None:
        headers["preference-applied"] = f"wait={wait}"
        job = await _ended(services, job, wait, request)
    view = job_view(job, services.public_url, whole=True)
    headers["location"] = view["urls"]["get"]
    ended = wait is not None and job.state.final
    return Response(encode(view), 200 if ended else 202, headers, _JSON)


async def show_job(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one job, after its end or the preferred wait if the caller wants that."""
    job = await find_job(services, tenant, request)
    headers: dict[str, str] = {}
    wait = preferred_wait(request.headers)
    if wait is not None:
        headers["preference-applied"] = f"wait={wait}"
        job = await _ended(services, job, wait, request)
    job = await _placed(services, job)
    view = job_view(job, services.public_url, whole=True)
    return _cacheable(request, encode(view), headers)


async def list_some_jobs(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of the tenant's jobs, newest first."""
    query = read_page_query(request.query_params)
    total = None
    # Without a filter the page is found at once.
    searched = query.counted or query.wanted != JobFilter()
    async with (
        services.searches.place(tenant.id, needed=searched),
        transaction(whole_transactions(services.engine)) as connection,
    ):
        # One more than wanted tells whether there is a next page.
        found = await list_jobs(
            connection, tenant.id, query.wanted, limit=query.limit + 1, before=query.after
        )
        if query.counted:
            total = await count_jobs(connection, tenant.id, query.wanted)
    more = len(found) > query.limit
    url = services.public_url
    page = page_body(found[: query.limit], has_more=more, public_url=url, total=total)
    headers = {"link": page_link(url, query, page["next"])} if more else {}
    return _cacheable(request, encode(page), headers)


async def find_job(services: Services, tenant: Tenant, request: Request) -> JobRecord:
    """Return the job that the path names.

    Raises:
        NotFoundError: The tenant has no such job; nobody learns whether another one has.
    """
    shown: str = request.path_params["job_id"]
    unknown = f"there is no job {shown[:64]}"
    try:
        job_id = parse_id("job", shown)
    except InvalidIdError as error:
        raise NotFoundError(f"{unknown}; of a job's id: {error}") from None
    async with transaction(services.engine) as connection:
        job = await get_job(connection, tenant.id, job_id)
    if job is None:
        raise NotFoundError(unknown)
    return job


async def _placed(services: Services, job: JobRecord) -> JobRecord:
    """Return the job with its place in the queue, if it has one."""
    if job.state >= JobState.RUNNING:
        return job
    async with transaction(services.engine) as connection:
        return await placed(connection, job, services.settings)


async def _ended(
    services: Services, job: JobRecord, seconds: int, request: Request
) -> JobRecord:
    return await services.waiters.ended(job, seconds=seconds, receive=request.receive)


def _cacheable(request: Request, body: bytes, headers: dict[str, str]) -> Response:
    """Answer with ``body``, or with nothing if the caller has it."""
    etag = f'"{hashlib.blake2b(body, digest_size=_ETAG_BYTES).hexdigest()}"'
    headers = {**headers, "etag": etag, "cache-control": "private, no-cache"}
    if is_known(request.headers, etag):
        return Response(None, 304, headers)
    return Response(body, 200, headers, _JSON)
