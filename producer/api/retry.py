"""The route that tries a job again."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.kept_answers import Call
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.jobs import find_job
from producer.api.preferences import idempotency_key
from producer.api.request_hash import hash_of
from producer.api.services import Services
from producer.retry import Retried, Retrier
from schemas.ids import format_id
from schemas.job import job_view
from schemas.retry import RetryRequest

_JSON: Final = "application/json"


async def retry_job(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the job that tries again: a new one, or the same one without its wait."""
    key = idempotency_key(request.headers, "retry")
    body: Any = await _read(request, services.settings.max_body_bytes)
    how = check(RetryRequest, body).how
    job = await find_job(services, tenant, request)
    retrier = retrier_of(services)
    if how == "new_attempt":
        done = Retried(await retrier.hurry(tenant, job), replayed=False)
    else:
        # The same key for another job is another request.
        told = {"job": format_id("job", job.id), "body": body}
        call = Call(tenant.id, key, hash_of(told)) if key else None
        done = await retrier.repeat(tenant, job, call)
    view = job_view(done.job, services.public_url)
    headers = {"location": view["urls"]["get"]}
    if done.replayed:
        headers["idempotent-replayed"] = "true"
    return Response(encode(view), 202, headers, _JSON)


def retrier_of(services: Services) -> Retrier:
    """Return what tries the jobs of this process's callers again."""
    return Retrier(services.engine, services.submitter, services.doorbells, services.settings)


async def _read(request: Request, limit: int) -> Any:
    """Return the body; nothing at all is an empty object."""
    headers = request.headers
    if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
        return {}
    return await read_json(request, limit)
