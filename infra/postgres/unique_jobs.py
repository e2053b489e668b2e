"""Unique jobs: a row per key that a job holds. It is the lock of everybody who wants it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_BATCH: Final = 1000

# Whoever comes second waits here for the first one's commit, and then has the row locked.
_CLAIM: Final = text("""
INSERT INTO unique_job AS u (tenant_id, key, job_id, expires_at)
VALUES (:tenant_id, :key, :job_id, clock_timestamp() + CAST(:period AS interval))
ON CONFLICT (tenant_id, key) DO UPDATE SET job_id = u.job_id
RETURNING u.job_id, u.expires_at, u.expires_at <= clock_timestamp() AS over
""")

# A statement of its own: what committed while the claim waited is visible to it.
_IS_LIVE: Final = text("SELECT EXISTS (SELECT 1 FROM live WHERE job_id = :job_id)")

_TAKE: Final = text("""
UPDATE unique_job
SET job_id = :job_id, expires_at = clock_timestamp() + CAST(:period AS interval)
WHERE tenant_id = :tenant_id AND key = :key
""")

# Deletes only under the job that was looked at: a key taken over meanwhile has another one.
_FORGET: Final = text("""
WITH x AS MATERIALIZED (
  SELECT tenant_id, key, job_id, expires_at FROM unique_job
  WHERE job_id > :after ORDER BY job_id LIMIT :batch),
d AS (
  DELETE FROM unique_job u USING x
  WHERE u.tenant_id = x.tenant_id AND u.key = x.key AND u.job_id = x.job_id
    AND CASE WHEN x.expires_at IS NULL
      THEN NOT EXISTS (SELECT 1 FROM live l WHERE l.job_id = x.job_id)
      ELSE x.expires_at <= now() END)
SELECT job_id FROM x ORDER BY job_id DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Which job has a key; the row is locked until the end of the transaction.

    Attributes:
        job_id: The job.
        until: When it lets go of the key; ``None`` when it ends.
        held: Whether it still holds it.
    """

    job_id: UUID
    until: datetime | None
    held: bool


async def claim_key(
    connection: AsyncConnection,
    tenant_id: int,
    key: str,
    job_id: UUID,
    period: timedelta | None,
) -> KeyHolder:
    """Lock a key, for a job that is inserted in this transaction if nobody has it.

    Args:
        connection: A transaction of isolation READ COMMITTED.
        tenant_id: Whose key it is.
        key: With its scope.
        job_id: Who wants it.
        period: For how long; ``None`` until the job has ended.

    Returns:
        Who has the key: the job itself if it was free, or another one.
    """
    values = {"tenant_id": tenant_id, "key": key, "job_id": job_id, "period": period}
    row = (await connection.execute(_CLAIM, values)).one()
    if row.job_id == job_id:
        return KeyHolder(job_id, row.expires_at, held=True)
    if row.expires_at is not None:
        return KeyHolder(row.job_id, row.expires_at, held=not row.over)
    live = await connection.execute(_IS_LIVE, {"job_id": row.job_id})
    return KeyHolder(row.job_id, None, held=bool(live.scalar_one()))


async def take_key(
    connection: AsyncConnection,
    tenant_id: int,
    key: str,
    job_id: UUID,
    period: timedelta | None,
) -> None:
    """Give a key that this transaction has locked to another job."""
    values = {"tenant_id": tenant_id, "key": key, "job_id": job_id, "period": period}
    await connection.execute(_TAKE, values)


async def forget_keys(connection: AsyncConnection, after: UUID) -> UUID | None:
    """Delete keys that nobody holds any more, among some that follow ``after``.

    Returns:
        Where to go on; ``None`` at the end.
    """
    found = await connection.execute(_FORGET, {"after": after, "batch": _BATCH})
    return found.scalar_one_or_none()
