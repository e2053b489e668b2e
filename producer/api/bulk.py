"""The route that submits many jobs in one call."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.new_ids import new_key
from infra.postgres.kept_answers import Call
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_unchecked, refuse_unstorable
from producer.api.preferences import idempotency_key, refuse_wait
from producer.api.problems import PUBLIC_URL, REQUEST_ID, problem_body
from producer.api.request_hash import hash_of
from producer.api.services import Services
from producer.breather import Breather
from producer.bulk_items import BulkItem, SubmittedMany, placed_fields
from schemas.bulk import BulkMode, BulkRequest
from schemas.errors import GenqError, InputError
from schemas.ids import format_id
from schemas.job import JobRequest, job_view

_JSON: Final = "application/json"
_NO_WAIT: Final = "follow the jobs by their urls.events, or all of them by GET /v1/events"


async def submit_jobs(services: Services, tenant: Tenant, request: Request) -> Response:
    """Accept up to a thousand jobs: 202 if every one of them is accepted, else 207."""
    refuse_wait(request.headers, _NO_WAIT)
    key = idempotency_key(request.headers, "bulk")
    body, suspicious = await read_unchecked(request, services.settings.max_bulk_bytes)
    wanted = check(BulkRequest, body)
    done = await services.submitter.submit_many(
        tenant,
        await _read_jobs(wanted.jobs, suspicious=suspicious),
        whole=wanted.mode is BulkMode.ALL_OR_NOTHING,
        call=Call(tenant.id, key, hash_of(body)) if key else None,
    )
    headers = {"idempotent-replayed": "true"} if done.replayed else {}
    status = HTTPStatus.MULTI_STATUS if done.refused else HTTPStatus.ACCEPTED
    told = await _bulk_view(done, wanted.mode, services.public_url, request)
    return Response(encode(told), int(status), headers, _JSON)


async def _read_jobs(jobs: Sequence[Any], *, suspicious: bool) -> list[JobRequest | GenqError]:
    found: list[JobRequest | GenqError] = []
    breather = Breather()
    for job in jobs:
        try:
            if suspicious:
                refuse_unstorable(job)
            found.append(check(JobRequest, job))
        except InputError as error:
            found.append(error)
        await breather.breathe()
    return found


async def _bulk_view(
    done: SubmittedMany, mode: BulkMode, public_url: str, request: Request
) -> dict[str, Any]:
    data: list[dict[str, Any]] = []
    breather = Breather()
    for item in done.items:
        data.append(_item_view(item, public_url, request))
        await breather.breathe()
    return {
        "object": "bulk",
        "mode": mode.value,
        "accepted": len(done.items) - done.refused,
        "refused": done.refused,
        "data": data,
    }


def _item_view(item: BulkItem, public_url: str, request: Request) -> dict[str, Any]:
    error = None
    if item.error is not None:
        error = _problem(item.index, item.error, request)
    return {
        "index": item.index,
        "status": error["status"] if error else int(HTTPStatus.ACCEPTED),
        "job": job_view(item.job, public_url) if item.job else None,
        "error": error,
        "unique_replayed": item.found,
    }


def _problem(index: int, error: GenqError, request: Request) -> dict[str, Any]:
    """Return what ``POST /v1/jobs`` would have answered, with places in this body."""
    told = problem_body(
        error,
        error_id=format_id("err", new_key()),
        request_id=request.scope.get(REQUEST_ID),
        public_url=request.scope.get(PUBLIC_URL, ""),
    )
    told["errors"] = [
        {"pointer": field.pointer, "message": field.message}
        for field in placed_fields(index, error)
    ]
    return told
