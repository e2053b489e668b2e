"""The routes of jobs: submit one, look at one, list them."""

import hashlib
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job, list_jobs
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.pages import PageQuery, page_body, page_link, read_page_query
from producer.api.preferences import idempotency_key, is_known, preferred_wait
from producer.api.services import Services
from producer.position import placed
from schemas.errors import NotFoundError
from schemas.ids import InvalidIdError, parse_id
from schemas.job import JobRecord, JobRequest, job_view

_JSON: Final = "application/json"
_ETAG_BYTES: Final = 12


async def submit_job(services: Services, tenant: Tenant, request: Request) -> Response:
    """Accept a job: 202 with the job, or 200 if it ended while the caller waited."""
    key = idempotency_key(request.headers)
    wait = preferred_wait(request.headers)
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(JobRequest, body)
    submitted = await services.submitter.submit(
        tenant, wanted, idempotency_key=key, body_hash=_hash_of(body) if key else b""
    )
    job = submitted.job
    headers: dict[str, str] = {}
    if submitted.replayed:
        headers["idempotent-replayed"] = "true"
    if submitted.found:
        headers["unique-replayed"] = "true"
    if wait is not None:
        headers["preference-applied"] = f"wait={wait}"
        job = await _ended(services, job, wait, request)
    view = job_view(job, services.public_url)
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
    body = encode(job_view(job, services.public_url))
    etag = f'"{hashlib.blake2b(body, digest_size=_ETAG_BYTES).hexdigest()}"'
    headers |= {"etag": etag, "cache-control": "private, no-cache"}
    if is_known(request.headers, etag):
        return Response(None, 304, headers)
    return Response(body, 200, headers, _JSON)


async def list_some_jobs(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of the tenant's jobs, newest first."""
    query: PageQuery = read_page_query(request.query_params)
    async with transaction(services.engine) as connection:
        # One more than wanted tells whether there is a next page.
        found = await list_jobs(
            connection,
            tenant.id,
            limit=query.limit + 1,
            before=query.after,
            status=query.status,
            lane=query.lane,
            kind=query.kind,
        )
    jobs = found[: query.limit]
    body = page_body(jobs, has_more=len(found) > query.limit, public_url=services.public_url)
    headers = {"cache-control": "private, no-cache"}
    if body["next"]:
        headers["link"] = page_link(services.public_url, query, body["next"])
    return Response(encode(body), 200, headers, _JSON)


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
    async with transaction(services.engine) as connection:
        return await placed(connection, job, services.settings)


async def _ended(
    services: Services, job: JobRecord, seconds: int, request: Request
) -> JobRecord:
    async def look() -> JobRecord | None:
        async with transaction(services.engine) as connection:
            return await get_job(connection, job.tenant_id, job.id)

    return await services.waiters.ended(job, look, seconds=seconds, receive=request.receive)


def _hash_of(body: Any) -> bytes:
    """Return what two bodies share that say the same, whatever their spaces and order."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
