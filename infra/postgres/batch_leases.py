"""Who keeps which batch: a lease that is renewed, and a fence that every write names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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

# What somebody else locks at this moment is not waited for: the others' leases would run out.
_RENEW: Final = text(f"""
WITH v AS (
  SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS v(id, fence)),
x AS MATERIALIZED (
  SELECT w.id FROM batch w JOIN v ON v.id = w.id AND v.fence = w.fence
  WHERE w.{_OPEN} ORDER BY w.id FOR NO KEY UPDATE OF w SKIP LOCKED),
u AS (
  UPDATE batch b SET lease_until = now() + :lease FROM x WHERE b.id = x.id
  RETURNING b.id, b.status)
SELECT w.id, COALESCE(u.status, w.status) AS status, u.id IS NULL AS late
FROM batch w JOIN v ON v.id = w.id AND v.fence = w.fence LEFT JOIN u ON u.id = w.id
WHERE w.{_OPEN}
""")

_LET_GO: Final = text("""
UPDATE batch b SET lease_until = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS v(id, fence)
WHERE b.id = v.id AND b.fence = v.fence
""")


@dataclass(frozen=True, slots=True)
class Renewed:
    """Batches that are kept, with their states; ``late``: which of them were locked.

    Those are renewed by the next try, which must come soon.
    """

    statuses: Mapping[UUID, BatchStatus]
    late: Collection[UUID]


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
) -> Renewed:
    """Keep batches for longer; waits for nobody.

    Args:
        connection: To write with.
        held: Fences by batch.
        lease: From now on.

    Returns:
        Those that are still kept by this fence and have not ended.
    """
    values = {"ids": list(held), "fences": list(held.values()), "lease": lease}
    rows = (await connection.execute(_RENEW, values)).all()
    statuses = {row.id: BatchStatus(row.status) for row in rows}
    return Renewed(statuses, {row.id for row in rows if row.late})


async def let_go_of_batches(
    connection: AsyncConnection, held: Sequence[tuple[UUID, int]]
) -> None:
    """Give batches back before their leases are over, each with its fence."""
    values = {"ids": [one for one, _ in held], "fences": [fence for _, fence in held]}
    await connection.execute(_LET_GO, values)
