"""Plans of tenants as operators read and change them; each release reads the rows anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.limits import Limit
from infra.postgres.parks import PARKED_FULL, PARKED_RATE


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """A tenant and what it may use.

    Attributes:
        max_inflight: The most jobs released or running at once in one lane.
        max_inflight_total: The same over all lanes; ``None`` is no limit.
        limits: Units per minute, as ``schemas.limits.RateLimits`` names them; absent: no limit.
        inflight: Jobs that were released or run now.
    """

    id: int
    name: str
    weight: int
    max_inflight: int
    max_inflight_total: int | None
    limits: Mapping[str, int]
    paused_at: datetime | None
    inflight: int


# Four probes a tenant, one a lane: the index begins with the lane.
_COLUMNS: Final = """
t.id, t.name, t.weight, t.max_inflight, t.max_inflight_total, t.limits, t.paused_at,
(SELECT count(*) FROM live l WHERE l.lane IN (SELECT c.lane FROM lane_clock c)
  AND l.tenant_id = t.id AND l.state IN (3, 4)) AS inflight
"""

_LIST: Final = text(f"""
SELECT {_COLUMNS} FROM tenant t WHERE t.name > :after AND starts_with(t.name, :prefix)
ORDER BY t.name LIMIT :limit
""")

_FIND: Final = text(f"SELECT {_COLUMNS} FROM tenant t WHERE t.name = :name")
_LOCK: Final = text("SELECT id FROM tenant WHERE name = :name FOR NO KEY UPDATE")

_CHANGE: Final = text("""
UPDATE tenant SET weight = :weight, max_inflight = :max_inflight,
  max_inflight_total = :max_inflight_total, limits = :limits WHERE id = :id
""").bindparams(bindparam("limits", type_=JSONB(none_as_null=True)))

# What was used stays used when the measure changes, up to the whole of the new allowance.
# In the order of the keys, after the tenant, as the release does.
_MEASURE: Final = text("""
WITH x AS MATERIALIZED (
  SELECT m.key, p.emission, p.burst FROM limiter m
  JOIN unnest(CAST(:keys AS text[]), CAST(:emissions AS interval[]), CAST(:bursts AS int[]))
    AS p(key, emission, burst) ON p.key = m.key
  WHERE m.emission <> p.emission ORDER BY m.key FOR NO KEY UPDATE OF m)
UPDATE limiter SET emission = x.emission, burst = x.burst, tat = n.at + x.emission * LEAST(
  CAST(x.burst AS float8), CAST(EXTRACT(epoch FROM limiter.tat - n.at)
    / EXTRACT(epoch FROM limiter.emission) AS float8))
FROM x CROSS JOIN (SELECT clock_timestamp() AS at) n
WHERE limiter.key = x.key AND limiter.tat > n.at
""")

# Locked in key order, as finishers do. The copies in flow are what estimates and audits read.
_APPLY: Final = text("""
WITH x AS MATERIALIZED (
  SELECT f.lane, f.tenant_id, t.weight, t.max_inflight,
    f.parked_until IS NOT NULL AND f.park_reason = ANY (CAST(:reasons AS smallint[])) AS held
  FROM flow f JOIN tenant t ON t.id = f.tenant_id
  WHERE f.lane IN (SELECT c.lane FROM lane_clock c) AND f.tenant_id = :id
  ORDER BY f.lane FOR NO KEY UPDATE OF f),
changed AS (
  UPDATE flow SET weight = x.weight, max_inflight = x.max_inflight,
    parked_until = CASE WHEN NOT x.held THEN flow.parked_until END,
    park_reason = CASE WHEN NOT x.held THEN flow.park_reason END
  FROM x WHERE flow.lane = x.lane AND flow.tenant_id = x.tenant_id RETURNING x.held)
SELECT count(*) FROM changed WHERE held
""")


async def list_plans(
    connection: AsyncConnection, *, prefix: str, after: str, limit: int
) -> list[TenantPlan]:
    """Return tenants in the order of their names: those after ``after`` that begin so."""
    values = {"prefix": prefix, "after": after, "limit": limit}
    return [_plan(row) for row in await connection.execute(_LIST, values)]


async def find_plan(connection: AsyncConnection, name: str) -> TenantPlan | None:
    """Return the tenant of this name."""
    row = (await connection.execute(_FIND, {"name": name})).one_or_none()
    return None if row is None else _plan(row)


async def lock_plan(connection: AsyncConnection, name: str) -> TenantPlan | None:
    """Return the tenant of this name; until the transaction ends nobody else changes it."""
    await connection.execute(_LOCK, {"name": name})
    return await find_plan(connection, name)


async def change_plan(connection: AsyncConnection, plan: TenantPlan) -> None:
    """Write a plan whose tenant this transaction has locked."""
    values = {
        "id": plan.id,
        "weight": plan.weight,
        "max_inflight": plan.max_inflight,
        "max_inflight_total": plan.max_inflight_total,
        "limits": dict(plan.limits) or None,
    }
    await connection.execute(_CHANGE, values)


async def measure_anew(connection: AsyncConnection, limits: Sequence[Limit]) -> None:
    """Let limits that were changed remember how much of them was used."""
    if limits:
        ordered = sorted(limits, key=lambda limit: limit.key)
        values = {
            "keys": [limit.key for limit in ordered],
            "emissions": [limit.emission for limit in ordered],
            "bursts": [limit.burst for limit in ordered],
        }
        await connection.execute(_MEASURE, values)


async def apply_plan(connection: AsyncConnection, tenant_id: int) -> int:
    """Return the tenant's flows that wait at a limit to the rotation, and how many these were.

    Commit the change first: this takes flows before tenants, as the release does.
    """
    values = {"id": tenant_id, "reasons": [PARKED_FULL, PARKED_RATE]}
    return (await connection.execute(_APPLY, values)).scalar_one()


def _plan(row: Any) -> TenantPlan:
    return TenantPlan(
        id=row.id,
        name=row.name,
        weight=row.weight,
        max_inflight=row.max_inflight,
        max_inflight_total=row.max_inflight_total,
        limits=row.limits or {},
        paused_at=row.paused_at,
        inflight=row.inflight,
    )
