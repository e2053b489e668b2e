"""All that there is of a person, job by job: for whoever asks what is stored of them."""

from collections.abc import AsyncGenerator
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.erasures import jobs_with_names
from infra.postgres.read_jobs import get_jobs
from schemas.job import job_view

_PAGE: Final = 2_000
_JOBS: Final = 100
_FIRST: Final = UUID(int=0)


async def export_person(
    engine: AsyncEngine, tenant_id: int, end_user: str, public_url: str
) -> AsyncGenerator[dict[str, Any]]:
    """Yield every job that names the person, as its tenant sees it, oldest first.

    Inputs, outputs, links to artifacts and verdicts are in it. After an erasure there is
    nothing, but for what is on hold.

    Raises:
        ContentUnreadableError: A key is missing.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    after = _FIRST
    while True:
        async with transaction(engine) as connection:
            page = await jobs_with_names(connection, tenant_id, after=after, limit=_PAGE)
        if not page:
            return
        after = page[-1].id
        theirs = [job.id for job in page if job.end_user == end_user]
        for start in range(0, len(theirs), _JOBS):
            chunk = theirs[start : start + _JOBS]
            async with transaction(engine) as connection:
                jobs = await get_jobs(connection, [(one, tenant_id) for one in chunk])
            for job_id in chunk:
                if job_id in jobs:
                    yield job_view(jobs[job_id], public_url, whole=True)
