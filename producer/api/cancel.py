"""The routes that cancel: one job, or every job that fits."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_body, read_json
from producer.api.jobs import find_job
from producer.api.preferences import preferred_wait
from producer.api.services import Services
from producer.cancel import Canceller
from schemas.cancel_request import CancelRequest
from schemas.job import JobRecord, job_view

_JSON: Final = "application/json"


async def cancel_job(services: Services, tenant: Tenant, request: Request) -> Response:
    """Cancel a job: 200 if it has ended, 202 while its worker lets go of it."""
    wait = preferred_wait(request.headers)
    job = await find_job(services, tenant, request)
    job = await canceller_of(services).cancel(tenant.id, job.id) or job
    headers: dict[str, str] = {}
    if wait is not None:
        headers["preference-applied"] = f"wait={wait}"
        # A body would stand between us and the sign that the client has left.
        await read_body(request, services.settings.max_body_bytes)
        job = await _ended(services, job, wait, request)
    body = encode(job_view(job, services.public_url))
    return Response(body, 200 if job.state.final else 202, headers, _JSON)


async def cancel_jobs(services: Services, tenant: Tenant, request: Request) -> Response:
    """Cancel every unfinished job that fits the body; say how many these were."""
    wanted = check(CancelRequest, await read_json(request, services.settings.max_body_bytes))
    report = await canceller_of(services).cancel_matching(tenant.id, wanted)
    return Response(encode(report.model_dump()), 200, None, _JSON)


def canceller_of(services: Services) -> Canceller:
    """Return what cancels the jobs of this process's callers."""
    return Canceller(services.engine, services.settings, services.doorbells)


async def _ended(
    services: Services, job: JobRecord, seconds: int, request: Request
) -> JobRecord:
    return await services.waiters.ended(job, seconds=seconds, receive=request.receive)
