"""Unique keys of many jobs at once: as ``infra.postgres.unique_jobs``, in two statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.unique_jobs import KeyHolder

# In key order: two calls that want the same keys wait for each other, and never both.
_CLAIM: Final = text("""
WITH n AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:keys AS text[]), CAST(:ids AS uuid[]), CAST(:periods AS interval[]))
    AS n(key, job_id, period))
INSERT INTO unique_job AS u (tenant_id, key, job_id, expires_at)
SELECT :tenant_id, key, job_id, clock_timestamp() + period FROM n ORDER BY key
ON CONFLICT (tenant_id, key) DO UPDATE SET job_id = u.job_id
RETURNING u.key, u.job_id, u.expires_at, u.expires_at <= clock_timestamp() AS over
""")

# A statement of its own: what committed while the claim waited is visible to it.
_LIVE: Final = text("SELECT job_id FROM live WHERE job_id = ANY (CAST(:ids AS uuid[]))")

_LET_GO: Final = text("""
DELETE FROM unique_job
WHERE tenant_id = :tenant_id AND job_id = ANY (CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class KeyWish:
    """A job that wants a key: ``period`` is for how long, ``None`` until it has ended."""

    key: str
    job_id: UUID
    period: timedelta | None


async def claim_keys(
    connection: AsyncConnection, tenant_id: int, wishes: Sequence[KeyWish]
) -> dict[str, KeyHolder]:
    """Lock keys, no two of them the same, for jobs that are inserted in this transaction.

    Args:
        connection: A transaction of isolation READ COMMITTED.
        tenant_id: Whose keys they are.
        wishes: Who wants what.

    Returns:
        Who has each key: the job itself if it was free, or another one.
    """
    if not wishes:
        return {}
    values = {
        "tenant_id": tenant_id,
        "keys": [wish.key for wish in wishes],
        "ids": [wish.job_id for wish in wishes],
        "periods": [wish.period for wish in wishes],
    }
    rows = (await connection.execute(_CLAIM, values)).all()
    ours = {wish.job_id for wish in wishes}
    unsure = [row.job_id for row in rows if row.job_id not in ours and row.expires_at is None]
    live: set[UUID] = set()
    if unsure:
        found = await connection.execute(_LIVE, {"ids": unsure})
        live = {row.job_id for row in found}
    return {
        row.key: KeyHolder(
            row.job_id,
            row.expires_at,
            held=row.job_id in ours
            or (row.job_id in live if row.expires_at is None else not row.over),
        )
        for row in rows
    }


async def let_go_of_keys(
    connection: AsyncConnection, tenant_id: int, job_ids: Sequence[UUID]
) -> None:
    """Free the keys of jobs that claimed them in this transaction and are not inserted."""
    if job_ids:
        await connection.execute(_LET_GO, {"tenant_id": tenant_id, "ids": list(job_ids)})
