"""Files that came in with a call and belong to its job: they go when its prompt goes."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_GIVE: Final = text("""
UPDATE file SET job_id = :job_id
WHERE id = ANY(CAST(:ids AS uuid[])) AND tenant_id = :tenant_id
""")
_LEAVE: Final = text("""
UPDATE file SET deleted_at = now()
WHERE id = ANY(CAST(:ids AS uuid[])) AND tenant_id = :tenant_id AND job_id IS NULL
""")
_LEAVE_OF_JOBS: Final = text("""
UPDATE file SET deleted_at = now()
WHERE job_id = ANY(CAST(:ids AS uuid[])) AND deleted_at IS NULL
""")


async def give_files(
    connection: AsyncConnection, tenant_id: int, job_id: UUID, file_ids: Sequence[UUID]
) -> None:
    """Let a tenant's files belong to its job."""
    values = {"tenant_id": tenant_id, "job_id": job_id, "ids": list(file_ids)}
    await connection.execute(_GIVE, values)


async def leave_files(
    connection: AsyncConnection, tenant_id: int, file_ids: Sequence[UUID]
) -> None:
    """Let go of a tenant's files that came with a call and belong to no job."""
    await connection.execute(_LEAVE, {"tenant_id": tenant_id, "ids": list(file_ids)})


async def leave_files_of(connection: AsyncConnection, job_ids: Sequence[UUID]) -> None:
    """Let go of the files of jobs; the janitor takes their bytes away."""
    await connection.execute(_LEAVE_OF_JOBS, {"ids": list(job_ids)})
