"""The routes that make new jobs of a job's pictures, and show what came of them."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.jobs import answer_submitted, find_job
from producer.api.preferences import idempotency_key, preferred_wait
from producer.api.request_hash import hash_of
from producer.api.services import Services
from producer.job_tree import tree_page
from producer.picture_actions import PictureActions
from schemas.errors import FieldError, InputError
from schemas.ids import InvalidIdError, parse_id
from schemas.job import JobRequest
from schemas.picture_action import PictureActionRequest

DEFAULT_NODES: Final = 200
MOST_NODES: Final = 1_000
_PAGING: Final = frozenset({"limit", "after"})


async def act_on_pictures(services: Services, tenant: Tenant, request: Request) -> Response:
    """Accept what is to be done to a job's pictures: 202 with the new job."""
    key = idempotency_key(request.headers, "action")
    wait = preferred_wait(request.headers)
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(PictureActionRequest, body)
    # The same key for another job is another request.
    told = {"job": request.path_params["job_id"], "body": body}
    body_hash = hash_of(told) if key else b""
    # First: what the job was made of may be erased or gone by now, and its action impossible.
    submitted = (
        await services.submitter.accepted_before(tenant, key, body_hash) if key else None
    )
    if submitted is None:
        job = await find_job(services, tenant, request)
        following = await PictureActions(services.engine, services.settings).next_job(
            job, wanted
        )
        submitted = await services.submitter.submit(
            tenant,
            check(JobRequest, following.request),
            idempotency_key=key,
            body_hash=body_hash,
            lineage=following.lineage,
        )
    return await answer_submitted(services, submitted, wait, request)


async def show_tree(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with a page of the tree that a job belongs to."""
    limit, after = _paging(request.query_params)
    job = await find_job(services, tenant, request)
    async with transaction(services.engine) as connection:
        page = await tree_page(
            connection, job, limit=limit, after=after, public_url=services.public_url
        )
    return Response(
        encode(page), 200, {"cache-control": "private, no-cache"}, "application/json"
    )


def _paging(query: QueryParams) -> tuple[int, UUID | None]:
    faults = [
        FieldError(f"/query/{name}", "unknown parameter; there are after and limit")
        for name in query
        if name not in _PAGING
    ]
    limit, after = _limit(query, faults), _after(query, faults)
    if faults:
        raise InputError("the query is not acceptable", fields=faults)
    return limit, after


def _limit(query: Mapping[str, str], faults: list[FieldError]) -> int:
    told = query.get("limit", str(DEFAULT_NODES))
    number = told.isascii() and told.isdigit() and len(told) <= len(str(MOST_NODES))
    if number and 0 < int(told) <= MOST_NODES:
        return int(told)
    faults.append(FieldError("/query/limit", f"must be a number from 1 to {MOST_NODES}"))
    return DEFAULT_NODES


def _after(query: Mapping[str, str], faults: list[FieldError]) -> UUID | None:
    if "after" not in query:
        return None
    try:
        return parse_id("job", query["after"])
    except InvalidIdError as error:
        faults.append(FieldError("/query/after", f"must be the id of a job: {error}"))
        return None
