"""Plans of tenants as operators read and change them; each release reads the rows anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.limits import Limit
from infra.postgres.parks import PARKED_FULL, PARKED_RATE
from schemas.generation import BY_NUMBER as KINDS
from schemas.generation import Kind
from schemas.lanes import BY_NUMBER as LANES
from schemas.lanes import Lane
from schemas.tenant_plan import SafetyLevel

Named = TypeVar("Named")


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """A tenant and what it may use.

    Attributes:
        max_inflight: The most jobs released or running at once in one lane.
        max_inflight_total: The same over all lanes; ``None`` is no limit.
        limits: Units per minute, as ``schemas.limits.RateLimits`` names them; absent: no limit.
        inflight: Jobs that were released or run now.
        calls_per_minute: Of the API; ``None`` is the installation's default.
        plan: What the plan is called.
        allowed_models: What its jobs may name; ``None`` is everything that is configured. The
            same holds for kinds and lanes.
        suspended_at: Since then none of its keys works.
        required_tags: What a model server must carry to get its jobs; ``None`` is nothing.
    """

    id: int
    name: str
    weight: int
    max_inflight: int
    max_inflight_total: int | None
    limits: Mapping[str, int]
    paused_at: datetime | None
    inflight: int
    created_at: datetime
    calls_per_minute: int | None = None
    plan: str | None = None
    allowed_models: tuple[str, ...] | None = None
    allowed_kinds: tuple[Kind, ...] | None = None
    allowed_lanes: tuple[Lane, ...] | None = None
    safety_level: SafetyLevel = SafetyLevel.STANDARD
    suspended_at: datetime | None = None
    required_tags: tuple[str, ...] | None = None


# Four probes a tenant, one a lane: the index begins with the lane.
_COLUMNS: Final = """
t.id, t.name, t.weight, t.max_inflight, t.max_inflight_total, t.limits, t.paused_at,
t.created_at, t.calls_per_minute, t.plan, t.allowed_models, t.allowed_kinds, t.allowed_lanes,
t.safety_level, t.suspended_at, t.required_tags,
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
  max_inflight_total = :max_inflight_total, limits = :limits,
  calls_per_minute = :calls_per_minute, plan = :plan, safety_level = :safety_level,
  allowed_models = CAST(:allowed_models AS text[]),
  allowed_kinds = CAST(:allowed_kinds AS smallint[]),
  allowed_lanes = CAST(:allowed_lanes AS smallint[]),
  required_tags = CAST(:required_tags AS text[]) WHERE id = :id
""").bindparams(bindparam("limits", type_=JSONB(none_as_null=True)))

_SUSPEND: Final = text("""
UPDATE tenant SET suspended_at = CASE WHEN :suspended THEN COALESCE(suspended_at, now()) END
WHERE name = :name RETURNING id
""")

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
        "calls_per_minute": plan.calls_per_minute,
        "plan": plan.plan,
        "safety_level": plan.safety_level.value,
        "allowed_models": None if plan.allowed_models is None else list(plan.allowed_models),
        "allowed_kinds": _numbers(plan.allowed_kinds),
        "allowed_lanes": _numbers(plan.allowed_lanes),
        "required_tags": list(plan.required_tags) if plan.required_tags else None,
    }
    await connection.execute(_CHANGE, values)


async def suspend_tenant(
    connection: AsyncConnection, name: str, *, suspended: bool
) -> TenantPlan | None:
    """Let none of a tenant's keys work, or all again; return the tenant, if there is one."""
    await connection.execute(_SUSPEND, {"name": name, "suspended": suspended})
    return await find_plan(connection, name)


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
        created_at=row.created_at,
        calls_per_minute=row.calls_per_minute,
        plan=row.plan,
        allowed_models=None if row.allowed_models is None else tuple(row.allowed_models),
        # Numbers of a newer release name nothing here.
        allowed_kinds=_named(row.allowed_kinds, KINDS),
        allowed_lanes=_named(row.allowed_lanes, LANES),
        safety_level=SafetyLevel(row.safety_level),
        suspended_at=row.suspended_at,
        required_tags=tuple(row.required_tags) if row.required_tags else None,
    )


def _numbers(named: Sequence[Kind] | Sequence[Lane] | None) -> list[int] | None:
    return None if named is None else [one.number for one in named]


def _named(
    numbers: Sequence[int] | None, known: Mapping[int, Named]
) -> tuple[Named, ...] | None:
    return None if numbers is None else tuple(known[n] for n in numbers if n in known)
