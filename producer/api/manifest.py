"""The route of manifests."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.manifest import read_written
from infra.postgres.tenants import Tenant
from producer.api.document import JOB_ID, answer, problems
from producer.api.jobs import find_job
from producer.api.operations import Operation
from producer.api.preferences import is_known
from producer.api.services import Services
from schemas.errors import NotReadyError
from schemas.manifest import manifest_bytes

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]


async def show_manifest(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with a job's manifest; its SHA-256 is the entity tag."""
    job = await find_job(services, tenant, request)
    if not job.state.final:
        raise NotReadyError(
            "the job has not ended: its manifest is written with its end; wait for it with "
            "Prefer: wait, or its events"
        )
    async with transaction(services.engine) as connection:
        written = await read_written(connection, tenant.id, job.id)
    body, digest = manifest_bytes(job, written)
    headers = {"etag": f'"{digest}"', "cache-control": "private, no-cache"}
    if is_known(request.headers, headers["etag"]):
        return Response(None, 304, headers)
    return Response(body, 200, headers, "application/json")


SHOW_MANIFEST: Final = Operation(
    name="show_manifest",
    path="/v1/jobs/{job_id}/manifest.json",
    summary="Show a job's manifest",
    description="What was asked, who made what of it, how, and at which price: one document "
    "that never changes, unless content is erased. Canonical JSON (RFC 8785); the ETag is its "
    "SHA-256.",
    parameters=[JOB_ID],
    answers={200: answer("The manifest.", "JobManifest", headers=("ETag",))}
    | problems(_404="There is no such job.", _409="The job has not ended."),
)

MANIFEST_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = ((SHOW_MANIFEST, show_manifest),)
