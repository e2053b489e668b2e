"""Which lanes of deliveries have something due and nobody who sends it.

Nothing here walks over a lane's backlog, nor over more lanes than it is told to.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement


@dataclass(frozen=True, slots=True)
class DueLanes:
    """What a look for lanes saw.

    Attributes:
        ids: Lanes that may be leased, tenants in turn, the longest due first.
        walled: There may be more than was looked at.
    """

    ids: Sequence[int]
    walled: bool


_DUE: Final = HotStatement("""
WITH first AS MATERIALIZED (
  SELECT id, tenant_id, next_due_at, failures > 0 OR last_success_at IS NULL AS unproven
  FROM webhook_lane WHERE owner IS NULL AND next_due_at <= now()
  ORDER BY next_due_at LIMIT :window)
SELECT f.id, s.seen FROM (SELECT count(*) AS seen FROM first) s LEFT JOIN (
  SELECT id, next_due_at,
    row_number() OVER (PARTITION BY tenant_id ORDER BY next_due_at) AS turn
  FROM first
  WHERE tenant_id <> ALL(CAST(:full AS bigint[])) AND NOT (unproven AND :crowded)) f ON true
ORDER BY f.turn, f.next_due_at LIMIT :most
""")

# A loose index scan: two descents of the index per tenant, whatever the tenants have.
_DUE_OF_TENANTS: Final = HotStatement("""
WITH RECURSIVE t AS (
  (SELECT tenant_id, 1 AS n FROM webhook_lane
   WHERE owner IS NULL AND next_due_at IS NOT NULL AND tenant_id > :after
   ORDER BY tenant_id LIMIT 1)
  UNION ALL
  SELECT d.tenant_id, t.n + 1 FROM t CROSS JOIN LATERAL (
    SELECT tenant_id FROM webhook_lane
    WHERE owner IS NULL AND next_due_at IS NOT NULL AND tenant_id > t.tenant_id
    ORDER BY tenant_id LIMIT 1) d
  WHERE t.n < :tenants)
SELECT t.tenant_id, l.id FROM t LEFT JOIN LATERAL (
  SELECT id FROM webhook_lane
  WHERE owner IS NULL AND tenant_id = t.tenant_id AND next_due_at <= now()
    AND tenant_id <> ALL(CAST(:full AS bigint[]))
  ORDER BY next_due_at LIMIT :each) l ON true
ORDER BY t.tenant_id
""")

_ABANDONED: Final = HotStatement("""
SELECT id FROM webhook_lane
WHERE owner IS NOT NULL AND lease_until <= now() LIMIT :most
""")

# Woken by who saw the lane still due, and committed after it was let go.
_MISSED: Final = HotStatement("""
SELECT l.id FROM webhook_lane l
WHERE l.id = ANY(CAST(:ids AS bigint[])) AND l.owner IS NULL
  AND (l.blocked_until IS NULL OR l.blocked_until <= now())
  AND LEAST(
    (SELECT next_at FROM delivery WHERE lane_id = l.id AND rank = 0
     ORDER BY next_at LIMIT 1),
    (SELECT next_at FROM delivery WHERE lane_id = l.id AND rank = 1
     ORDER BY next_at LIMIT 1)) <= now()
""")

_NEXT: Final = HotStatement("""
SELECT next_due_at - clock_timestamp() AS wait FROM webhook_lane
WHERE owner IS NULL AND next_due_at > now() ORDER BY next_due_at LIMIT 1
""")


async def due_lanes(
    connection: AsyncConnection,
    *,
    most: int,
    window: int,
    full: Collection[int],
    crowded: bool,
) -> DueLanes:
    """Look at the ``window`` longest due lanes that nobody owns.

    Args:
        connection: To read with.
        most: How many to return.
        window: How many to look at.
        full: Tenants whose lanes shall be passed over.
        crowded: Whether to pass over lanes whose last attempt did not succeed.
    """
    values = {"most": most, "window": window, "full": list(full), "crowded": crowded}
    rows = await _DUE.run(connection, values)
    ids = [row.id for row in rows if row.id is not None]
    return DueLanes(ids, walled=rows[0].seen >= window)


async def due_lanes_of_tenants(
    connection: AsyncConnection, *, after: int, tenants: int, each: int, full: Collection[int]
) -> tuple[list[int], int | None]:
    """Look at the lanes of the next tenants that have any, few of each.

    Returns:
        Due lanes, and the last tenant; ``None``: there are no more tenants.
    """
    values = {"after": after, "tenants": tenants, "each": each, "full": list(full)}
    rows = await _DUE_OF_TENANTS.run(connection, values)
    seen = {row.tenant_id for row in rows}
    last = max(seen) if len(seen) >= tenants else None
    return [row.id for row in rows if row.id is not None], last


async def abandoned_lanes(connection: AsyncConnection, *, most: int) -> list[int]:
    """Return lanes whose owners did not renew their leases.

    The caller may be the owner: of what it leased in a look that failed it knows nothing.
    """
    rows = await _ABANDONED.run(connection, {"most": most})
    return [row.id for row in rows]


async def missed_lanes(connection: AsyncConnection, ids: Collection[int]) -> list[int]:
    """Return those of the lanes that nobody owns, and that have something due."""
    if not ids:
        return []
    return [row.id for row in await _MISSED.run(connection, {"ids": list(ids)})]


async def next_due_in(connection: AsyncConnection) -> timedelta | None:
    """Return the time until a lane becomes due; ``None`` if none is going to."""
    rows = await _NEXT.run(connection, {})
    return rows[0].wait if rows else None
