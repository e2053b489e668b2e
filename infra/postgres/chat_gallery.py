"""What somebody made by chat: the jobs of theirs that ended with pictures, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.read_jobs import read_each_job
from schemas.chat import Platform
from schemas.job import JobRecord
from schemas.job_states import JobState

# A job's id is as old as its message: both tables are walked from their newest end.
_PAGE: Final = text("""
SELECT m.id, m.job_id, m.title FROM chat_message m
JOIN job j ON j.id = m.job_id AND j.tenant_id = m.tenant_id
JOIN result r ON r.job_id = m.job_id
WHERE m.tenant_id = :tenant_id AND m.platform = :platform AND m.user_id = :user_id
  AND m.id < COALESCE(CAST(:before AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
  AND j.final_state = :succeeded
  AND CASE jsonb_typeof(r.artifacts) WHEN 'array' THEN jsonb_array_length(r.artifacts) > 0 END
ORDER BY m.id DESC LIMIT :limit
""")
_OPEN: Final = text("SELECT true FROM tenant WHERE id = :tenant_id AND suspended_at IS NULL")


@dataclass(frozen=True, slots=True)
class GalleryJob:
    """A job of a gallery.

    Attributes:
        message_id: Of the message that showed it; galleries go by these.
        title: What was done besides, such as ``Image #2``.
    """

    message_id: UUID
    title: str
    job: JobRecord


async def gallery_is_open(connection: AsyncConnection, tenant_id: int) -> bool:
    """Return whether there is such a tenant, and it is not suspended."""
    found = await connection.execute(_OPEN, {"tenant_id": tenant_id})
    return found.one_or_none() is not None


async def gallery_page(
    connection: AsyncConnection,
    tenant_id: int,
    platform: Platform,
    user_id: str,
    *,
    before: UUID | None,
    limit: int,
) -> Sequence[GalleryJob]:
    """Return jobs of one person that made pictures, newest first.

    What was erased meanwhile, and what cannot be opened, is among the jobs as such or missing.

    Args:
        connection: PostgreSQL.
        tenant_id: Whose jobs they are.
        platform: Where the person is.
        user_id: As the platform numbers them.
        before: Only those whose message is older than this one.
        limit: The most jobs.
    """
    rows = (
        await connection.execute(
            _PAGE,
            {
                "tenant_id": tenant_id,
                "platform": platform,
                "user_id": user_id,
                "before": before,
                "succeeded": int(JobState.SUCCEEDED),
                "limit": limit,
            },
        )
    ).all()
    found = await read_each_job(connection, [(row.job_id, tenant_id) for row in rows])
    return [
        GalleryJob(row.id, row.title, job)
        for row in rows
        if isinstance(job := found.get(row.job_id), JobRecord)
    ]
