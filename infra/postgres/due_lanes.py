"""Which lanes of deliveries have something due and nobody who sends it.

Nothing here walks over a lane's backlog, nor over more lanes than it is told to.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement


class Trust(IntEnum):
    """What is known of a lane's receiver. The numbers are those of the statements here."""

    PROVEN = 0
    """The last attempt succeeded."""
    UNTRIED = 1
    """It was never tried."""
    FAILING = 2


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Lanes that are not looked for, because enough of the kind wait already.

    Attributes:
        crowded: Of all tenants, by trust.
        full: Of a tenant, by trust.
    """

    crowded: Collection[Trust] = ()
    full: Collection[tuple[int, Trust]] = ()

    def values(self) -> dict[str, list[int]]:
        """Return the values of a statement."""
        return {
            "crowded": [int(trust) for trust in self.crowded],
            "full": [_TRUSTS * tenant_id + trust for tenant_id, trust in self.full],
        }


@dataclass(frozen=True, slots=True)
class DueLanes:
    """What a look for lanes saw.

    Attributes:
        ids: Lanes that may be leased, tenants in turn, the longest due first.
        walled: There may be more than was looked at.
    """

    ids: Sequence[int]
    walled: bool


# As the index over tenants has it, word for word.
_TRUST: Final = "CASE WHEN failures > 0 THEN 2 WHEN last_success_at IS NULL THEN 1 ELSE 0 END"
# Of a tenant and a trust one number, so that lanes passed over are not walked over.
_TRUSTS: Final = 4
_WANTED: Final = f"""trust <> ALL(CAST(:crowded AS int[]))
    AND {_TRUSTS} * %stenant_id + trust <> ALL(CAST(:full AS bigint[]))"""

_DUE: Final = HotStatement(f"""
WITH first AS MATERIALIZED (
  SELECT id, tenant_id, next_due_at, {_TRUST} AS trust
  FROM webhook_lane WHERE owner IS NULL AND next_due_at <= now()
  ORDER BY next_due_at LIMIT :window)
SELECT f.id, s.seen FROM (SELECT count(*) AS seen FROM first) s LEFT JOIN (
  SELECT id, next_due_at,
    row_number() OVER (PARTITION BY tenant_id, trust ORDER BY next_due_at) AS turn
  FROM first WHERE {_WANTED % ""}) f ON true
ORDER BY f.turn, f.next_due_at LIMIT :most
""")

# A loose index scan: two descents of the index for each kind of lanes that a tenant has.
_DUE_OF_TENANTS: Final = HotStatement(f"""
WITH RECURSIVE t AS (
  (SELECT tenant_id, {_TRUST} AS trust, 1 AS n FROM webhook_lane
   WHERE owner IS NULL AND next_due_at IS NOT NULL
     AND (tenant_id, {_TRUST}) > (CAST(:after AS bigint), CAST(:after_trust AS int))
   ORDER BY tenant_id, {_TRUST} LIMIT 1)
  UNION ALL
  SELECT d.tenant_id, d.trust, t.n + 1 FROM t CROSS JOIN LATERAL (
    SELECT tenant_id, {_TRUST} AS trust FROM webhook_lane
    WHERE owner IS NULL AND next_due_at IS NOT NULL
      AND (tenant_id, {_TRUST}) > (t.tenant_id, t.trust)
    ORDER BY tenant_id, {_TRUST} LIMIT 1) d
  WHERE t.n < :tenants)
SELECT t.tenant_id, t.trust, l.id FROM t LEFT JOIN LATERAL (
  SELECT id FROM webhook_lane
  WHERE owner IS NULL AND tenant_id = t.tenant_id AND {_TRUST} = t.trust
    AND next_due_at <= now() AND {_WANTED % "t."}
  ORDER BY next_due_at LIMIT :each) l ON true
ORDER BY t.tenant_id, t.trust
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
    connection: AsyncConnection, *, most: int, window: int, passed_over: PassedOver
) -> DueLanes:
    """Look at the ``window`` longest due lanes that nobody owns.

    Args:
        connection: To read with.
        most: How many to return.
        window: How many to look at.
        passed_over: Lanes that shall not be returned.
    """
    values = {"most": most, "window": window, **passed_over.values()}
    rows = await _DUE.run(connection, values)
    ids = [row.id for row in rows if row.id is not None]
    return DueLanes(ids, walled=rows[0].seen >= window)


async def due_lanes_of_tenants(
    connection: AsyncConnection,
    *,
    after: tuple[int, int],
    most: int,
    each: int,
    passed_over: PassedOver,
) -> tuple[list[int], tuple[int, int] | None]:
    """Look at the lanes of the next tenants that have any, few of each and of each trust.

    Args:
        connection: To read with.
        after: The tenant and the trust after which to look.
        most: So many of such groups of lanes.
        each: So many lanes of each.
        passed_over: Lanes that shall not be returned.

    Returns:
        Due lanes, and the last group; ``None``: there are no more.
    """
    tenant_id, trust = after
    values = {"after": tenant_id, "after_trust": trust, "tenants": most, "each": each}
    rows = await _DUE_OF_TENANTS.run(connection, values | passed_over.values())
    seen = {(row.tenant_id, row.trust) for row in rows}
    last = max(seen) if len(seen) >= most else None
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
