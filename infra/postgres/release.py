"""Release: hand ready jobs to the broker, fairly and never past a limit.

Two statements in one transaction. The first locks flows; the snapshot of the second begins
after these locks are held, so its count of jobs in flight is exact. In one statement the count
would be as old as the statement, and several dispatchers would exceed the limit. Limits that
reach beyond a flow (of a tenant over all lanes, of a model's account) have rows of their own,
locked before anything is counted against them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.capacity import LaneState
from infra.postgres.flows import FlowKey
from infra.postgres.hot import HotStatement
from infra.postgres.parks import FULL_PARK, PARKED_FULL
from infra.postgres.release_sql import COUNTED, GENERAL, LIMITED, PLAIN
from schemas.claim import Pointer
from schemas.cost import ORDINARY
from schemas.lanes import Lane

# What one ordinary job of a flow with weight 1 adds to the flow's virtual time.
VTIME_SCALE: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LockedFlow:
    """A tenant's queue in a lane, locked until the end of the transaction.

    Attributes:
        cost: What its jobs cost of late, in thousandths of an ordinary job.
        shared: End users share it, each in turn.
        total: The tenant's limit of jobs in flight over all lanes, if it has one.
        plan: The tenant's limits per time, as ``schemas.limits.RateLimits`` names them.
        paused: An operator holds the tenant back.
    """

    tenant_id: int
    weight: int
    max_inflight: int
    vtime: int
    cost: int = ORDINARY
    shared: bool = False
    last_end_user_key: int = 0
    total: int | None = None
    plan: Mapping[str, int] | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """How many jobs to take from a locked flow."""

    flow: LockedFlow
    jobs: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a tenant, or the account behind some pools, may still use; ``None`` is no limit.

    Attributes:
        owner: The tenant's id, or the number that ``Constraints.pools`` gives to its pools.
        images_whole: All of it is there: one job passes however many images it makes.
        tokens_whole: The same of tokens.
    """

    owner: int
    requests: int | None = None
    images: int | None = None
    tokens: int | None = None
    images_whole: bool = False
    tokens_whole: bool = False


@dataclass(frozen=True, slots=True)
class Constraints:
    """What besides quotas holds jobs back.

    Attributes:
        closed: Pools of which nothing is released.
        open: All others.
        accounts: Of model accounts.
        pools: Pool to the account behind it, for pools whose account has limits.
        tenants: Of tenants' plans.
    """

    closed: tuple[int, ...] = ()
    open: tuple[int, ...] = ()
    accounts: tuple[Allowance, ...] = ()
    pools: Mapping[int, int] | None = None
    tenants: tuple[Allowance, ...] = ()

    @property
    def limited(self) -> bool:
        """Whether anything is counted per time."""
        return bool(self.accounts or self.tenants)


NO_CONSTRAINTS: Final = Constraints()


@dataclass(frozen=True, slots=True)
class Released:
    """A released job, or (``blocked``) the first of its flow, held back by a limit per time."""

    tenant_id: int
    pointer: Pointer
    pool: int
    images: int
    tokens: int
    blocked: bool


@dataclass(frozen=True, slots=True)
class Release:
    """What a release did. ``dry``: tenants whose flows had fewer jobs than were asked."""

    jobs: tuple[Released, ...] = ()
    blocked: tuple[Released, ...] = ()
    dry: frozenset[int] = frozenset()


_LOCK_FLOWS: Final = HotStatement("""
WITH f AS MATERIALIZED (
  SELECT tenant_id, weight, max_inflight, vtime, cost, shared, last_end_user_key FROM flow
  WHERE lane = :lane AND active AND parked_until IS NULL
  ORDER BY vtime LIMIT :flows FOR NO KEY UPDATE SKIP LOCKED)
SELECT f.tenant_id, COALESCE(t.weight, f.weight) AS weight,
  COALESCE(t.max_inflight, f.max_inflight) AS max_inflight, f.vtime, f.cost, f.shared,
  f.last_end_user_key, t.max_inflight_total AS total, t.limits AS plan,
  t.paused_at IS NOT NULL AS paused
FROM f LEFT JOIN tenant t ON t.id = f.tenant_id
""")

_LOCK_TENANTS: Final = text("""
SELECT id FROM tenant WHERE id = ANY (CAST(:ids AS bigint[])) ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
""")

# Four probes a tenant, one a lane: the index begins with the lane.
_IN_FLIGHT: Final = text("""
SELECT t.id, (SELECT count(*) FROM live l
  WHERE l.lane = ANY (CAST(:lanes AS smallint[])) AND l.tenant_id = t.id
    AND l.state IN (3, 4)) AS jobs
FROM unnest(CAST(:ids AS bigint[])) AS t(id)
""")

_RETURN: Final = text("""
UPDATE live SET state = 2, fence = live.fence + 1, lease_until = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS p(job_id, fence)
WHERE live.job_id = p.job_id AND live.fence = p.fence AND live.state = 3
RETURNING live.lane, live.tenant_id
""")


async def lock_flows(connection: AsyncConnection, lane: Lane, limit: int) -> list[LockedFlow]:
    """Lock the flows of ``lane`` with the lowest virtual time that no one else has locked."""
    rows = await _LOCK_FLOWS.run(connection, {"lane": lane.number, "flows": limit})
    return [LockedFlow(*row) for row in rows]


async def lock_tenants(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, int]:
    """Lock tenants that nobody else has locked, and count their jobs in flight in all lanes.

    Returns:
        Tenant to jobs released or running; a tenant that is missing is another's just now.
    """
    rows = await connection.execute(_LOCK_TENANTS, {"ids": list(ids)})
    locked = [row.id for row in rows]
    lanes = [lane.number for lane in Lane]
    counts = await connection.execute(_IN_FLIGHT, {"ids": locked, "lanes": lanes})
    return {row.id: row.jobs for row in counts}


async def release_jobs(
    connection: AsyncConnection,
    lane: LaneState,
    quotas: Sequence[Quota],
    *,
    budget: int,
    lease: timedelta,
    stride: int,
    floor: int,
    constraints: Constraints = NO_CONSTRAINTS,
) -> Release:
    """Release up to each quota from flows that this transaction has locked.

    Args:
        connection: The transaction that called ``lock_flows``; commit it before publishing.
        lane: The lane, as ``capacity`` gave it.
        quotas: Jobs per flow, together more than the budget, should some flows be empty; each
            flow's own limit is applied besides.
        budget: The most jobs in all: those with the earliest start tags.
        lease: How long a worker may take to start a job before it is released again.
        stride: What one job adds to the lane's turn.
        floor: The least turn the lane may have: a lane that rested has no credit.
        constraints: Closed pools and limits per time, locked by this transaction.

    Returns:
        Every released job; of each flow that gave less because of a limit per time, the first
        job that was held back; and whose flows may be empty.
    """
    statement, values = _choose(quotas, constraints)
    rows = await statement.run(
        connection,
        {
            "lane": lane.lane.number,
            "tenants": [quota.flow.tenant_id for quota in quotas],
            "weights": [quota.flow.weight for quota in quotas],
            "limits": [quota.flow.max_inflight for quota in quotas],
            "quotas": [quota.jobs for quota in quotas],
            "vtimes": [quota.flow.vtime for quota in quotas],
            "budget": budget,
            "ttl": lease,
            "v": lane.v,
            "scale": VTIME_SCALE // ORDINARY,
            "park": FULL_PARK,
            "full": PARKED_FULL,
            "stride": stride,
            "floor": floor,
            **values,
        },
    )
    found = [_released(row) for row in rows if row.job_id is not None]
    return Release(
        tuple(one for one in found if not one.blocked),
        tuple(one for one in found if one.blocked),
        frozenset(row.tenant_id for row in rows if row.job_id is None),
    )


async def return_releases(
    connection: AsyncConnection, pointers: Sequence[Pointer]
) -> list[FlowKey]:
    """Take back releases that a stopping worker did not start; return the flows to wake."""
    ids: list[UUID] = [pointer.job_id for pointer in pointers]
    fences = [pointer.fence for pointer in pointers]
    rows = await connection.execute(_RETURN, {"ids": ids, "fences": fences})
    return [(row.lane, row.tenant_id) for row in rows]


def _choose(
    quotas: Sequence[Quota], constraints: Constraints
) -> tuple[HotStatement, dict[str, Any]]:
    """Return the cheapest statement that can do it, and what it needs beyond the others."""
    general = bool(constraints.closed) or any(quota.flow.shared for quota in quotas)
    if not general and not constraints.limited:
        return PLAIN, {}
    values: dict[str, Any] = {}
    if general:
        values |= {
            "shared": [quota.flow.shared for quota in quotas],
            "lasts": [quota.flow.last_end_user_key for quota in quotas],
            "open": list(constraints.open),
        }
    if not constraints.limited:
        return GENERAL, values
    pools = constraints.pools or {}
    values |= {"pools": list(pools), "pool_accounts": list(pools.values())}
    for kind, allowances in (("a", constraints.accounts), ("t", constraints.tenants)):
        values |= {
            f"{kind}_owner": [one.owner for one in allowances],
            f"{kind}_requests": [one.requests for one in allowances],
            f"{kind}_images": [one.images for one in allowances],
            f"{kind}_tokens": [one.tokens for one in allowances],
            f"{kind}_images_whole": [one.images_whole for one in allowances],
            f"{kind}_tokens_whole": [one.tokens_whole for one in allowances],
        }
    return (LIMITED if general else COUNTED), values


def _released(row: Any) -> Released:
    pointer = Pointer(row.job_id, row.fence)
    return Released(row.tenant_id, pointer, row.pool, row.images, row.tokens, row.blocked)
