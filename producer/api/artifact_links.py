"""``GET /v1/artifacts/{token}``: an artifact for whoever holds a link to it. No key is needed.

Every fault gets the same answer: a link tells nothing of jobs to who did not get it from us.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job
from producer.api.artifacts import artifact_of, send_bytes
from producer.api.services import Services
from schemas.errors import NotFoundError, NotReadyError
from schemas.privacy_errors import ContentErasedError

_NO_SUCH_LINK: Final = (
    "the link is not known here, it has expired, or what it led to is gone; ask for the job "
    "again to get a new one"
)


async def send_linked_artifact(services: Services, request: Request) -> Response:
    """Answer with the bytes of one artifact, or with where they are for the next minutes.

    Raises:
        NotFoundError: The token was not made here or has expired, or the artifact is not
            there, not ready, withheld or erased.
        RangeNotSatisfiableError: The wanted range begins past the end.
        ObjectStoreError: The store failed.
    """
    granted = services.links.read(request.path_params["token"])
    if granted is None:
        raise NotFoundError(_NO_SUCH_LINK)
    grant, left = granted
    async with transaction(services.engine) as connection:
        job = await get_job(connection, grant.tenant_id, grant.job_id)
    if job is None:
        raise NotFoundError(_NO_SUCH_LINK)
    try:
        artifact = artifact_of(job, str(grant.index))
    except (NotFoundError, NotReadyError, ContentErasedError):
        raise NotFoundError(_NO_SUCH_LINK) from None
    seconds = int(left.total_seconds())
    return await send_bytes(services, job, artifact, request, max_age=seconds)
