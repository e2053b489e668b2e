"""Files that came in with a call and belong to its job: they go when its prompt goes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_GIVE: Final = text("""
UPDATE file f SET job_id = x.job_id,
  expires_at = greatest(f.expires_at, x.deadline + interval '1 day')
FROM unnest(CAST(:ids AS uuid[]), CAST(:tenants AS bigint[]), CAST(:jobs AS uuid[]),
  CAST(:deadlines AS timestamptz[])) AS x(id, tenant_id, job_id, deadline)
WHERE f.id = x.id AND f.tenant_id = x.tenant_id
""")
_LEAVE: Final = text("""
UPDATE file SET deleted_at = now()
WHERE id = ANY(CAST(:ids AS uuid[])) AND tenant_id = :tenant_id AND job_id IS NULL
""")
_LEAVE_OF_JOBS: Final = text("""
UPDATE file SET deleted_at = now()
WHERE job_id = ANY(CAST(:ids AS uuid[])) AND deleted_at IS NULL
""")


class NewOwner(Protocol):
    """A job that is written in this transaction, with what came in with it."""

    @property
    def id(self) -> UUID:
        """Its id."""
        ...

    @property
    def tenant_id(self) -> int:
        """Whose it is, and whose the files are."""
        ...

    @property
    def deadline(self) -> datetime | None:
        """Until when it may be run."""
        ...

    @property
    def files(self) -> Sequence[UUID]:
        """Which files are its own."""
        ...


async def give_files(connection: AsyncConnection, owners: Sequence[NewOwner]) -> None:
    """Let files belong to the jobs that they came with; without jobs nothing is asked.

    They stay until a day after the job's deadline, if they would have expired before.
    """
    given = [(one, file) for one in owners for file in one.files]
    if not given:
        return
    values = {
        "ids": [file for _, file in given],
        "tenants": [one.tenant_id for one, _ in given],
        "jobs": [one.id for one, _ in given],
        "deadlines": [one.deadline for one, _ in given],
    }
    await connection.execute(_GIVE, values)


async def leave_files(
    connection: AsyncConnection, tenant_id: int, file_ids: Sequence[UUID]
) -> None:
    """Let go of a tenant's files that came with a call and belong to no job."""
    await connection.execute(_LEAVE, {"tenant_id": tenant_id, "ids": list(file_ids)})


async def leave_files_of(connection: AsyncConnection, job_ids: Sequence[UUID]) -> None:
    """Let go of the files of jobs; the janitor takes their bytes away."""
    await connection.execute(_LEAVE_OF_JOBS, {"ids": list(job_ids)})
