"""Who keeps which batch: a lease that is renewed, and a fence that every write names."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.batch_rows import BATCH_COLUMNS, batch_of_row
from schemas.batch import BatchStatus
from schemas.batch_record import BatchRecord

AT_WORK: Final = 32
"""How many batches of a tenant are worked on at once; its others wait as they are."""

_OPEN: Final = f"status < {BatchStatus.COMPLETED:d}"

# Of each tenant its oldest unfinished ones, kept or not: however many it makes, the batches of
# others find a keeper. What somebody else takes at this moment is theirs.
_CLAIM: Final = text(f"""
WITH x AS MATERIALIZED (
  SELECT w.id FROM batch w
  JOIN (
    SELECT id, row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS n
    FROM batch WHERE {_OPEN}) r ON r.id = w.id AND r.n <= :of_a_tenant
  WHERE w.{_OPEN} AND (w.lease_until IS NULL OR w.lease_until < now())
  ORDER BY w.id LIMIT :limit FOR NO KEY UPDATE OF w SKIP LOCKED)
UPDATE batch b SET fence = b.fence + 1, lease_until = now() + :lease
FROM x WHERE b.id = x.id
RETURNING {BATCH_COLUMNS}, b.fence
""")

# In the order of ids, as everybody locks them.
_RENEW: Final = text(f"""
UPDATE batch b SET lease_until = now() + :lease
FROM (
  SELECT w.id FROM batch w
  JOIN unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS v(id, fence)
    ON v.id = w.id AND v.fence = w.fence
  WHERE w.{_OPEN} ORDER BY w.id FOR NO KEY UPDATE OF w) x
WHERE b.id = x.id
RETURNING b.id, b.status
""")

_LET_GO: Final = text("""
UPDATE batch b SET lease_until = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS v(id, fence)
WHERE b.id = v.id AND b.fence = v.fence
""")


async def claim_batches(
    connection: AsyncConnection, lease: timedelta, *, limit: int
) -> list[tuple[BatchRecord, int]]:
    """Take unfinished batches that nobody keeps, the oldest ``AT_WORK`` of each tenant.

    Returns:
        Each with its new fence.
    """
    values = {"lease": lease, "limit": limit, "of_a_tenant": AT_WORK}
    rows = await connection.execute(_CLAIM, values)
    return [(batch_of_row(row), row.fence) for row in rows]


async def renew_leases(
    connection: AsyncConnection, held: Mapping[UUID, int], lease: timedelta
) -> dict[UUID, BatchStatus]:
    """Keep batches for longer.

    Args:
        connection: To write with.
        held: Fences by batch.
        lease: From now on.

    Returns:
        Those that are still kept by this fence and have not ended, with their states.
    """
    values = {"ids": list(held), "fences": list(held.values()), "lease": lease}
    return {row.id: BatchStatus(row.status) for row in await connection.execute(_RENEW, values)}


async def let_go_of_batches(
    connection: AsyncConnection, held: Sequence[tuple[UUID, int]]
) -> None:
    """Give batches back before their leases are over, each with its fence."""
    values = {"ids": [one for one, _ in held], "fences": [fence for _, fence in held]}
    await connection.execute(_LET_GO, values)
