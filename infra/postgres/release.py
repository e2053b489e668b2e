"""Release: hand ready jobs to the broker, fairly and never past a tenant's limit.

Two statements in one transaction. The first locks flows; the snapshot of the second begins
after these locks are held, so its count of jobs in flight is exact. In one statement the count
would be as old as the statement, and several dispatchers would exceed the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.flows import FlowKey
from schemas.claim import Pointer
from schemas.lanes import BY_NUMBER, Lane

# What one job of a flow with the ordinary weight of 1000 adds to the flow's virtual time.
VTIME_SCALE: Final = 1_000_000_000
# A flow at its limit is looked at again after this, should the finisher's unpark be missed.
_PARK: Final = timedelta(seconds=1)
PARKED_FULL: Final = 1


@dataclass(frozen=True, slots=True)
class LaneState:
    """What a dispatcher needs to know of one lane before it releases.

    Attributes:
        turn: The lane's place in the rotation of lanes.
        v: The lane's virtual time.
        backlogged: An awake, unparked flow exists: there may be ready jobs.
        slots: Slots of the live workers that take this lane.
        inflight: Jobs of the lane that are released or running.
    """

    lane: Lane
    turn: int
    v: int
    backlogged: bool
    slots: int
    inflight: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """All lanes, and the workers behind them; ``fewest_slots`` is of the smallest worker."""

    lanes: tuple[LaneState, ...]
    slots: int
    workers: int
    fewest_slots: int


@dataclass(frozen=True, slots=True)
class LockedFlow:
    """A tenant's queue in a lane, locked until the end of the transaction."""

    tenant_id: int
    weight: int
    max_inflight: int
    vtime: int


@dataclass(frozen=True, slots=True)
class Quota:
    """How many jobs to take from a locked flow."""

    flow: LockedFlow
    jobs: int


_CAPACITY: Final = text("""
WITH s AS MATERIALIZED (
  SELECT slots, lanes FROM session WHERE expires_at > clock_timestamp() AND NOT draining)
SELECT c.lane, c.pass AS turn, c.v,
  EXISTS (SELECT 1 FROM flow f
          WHERE f.lane = c.lane AND f.active AND f.parked_until IS NULL) AS backlogged,
  (SELECT COALESCE(sum(s.slots), 0) FROM s WHERE c.lane = ANY (s.lanes)) AS slots,
  (SELECT count(*) FROM live l WHERE l.lane = c.lane AND l.state IN (3, 4)) AS inflight,
  (SELECT COALESCE(sum(s.slots), 0) FROM s) AS all_slots,
  (SELECT count(*) FROM s) AS workers,
  (SELECT COALESCE(min(s.slots), 1) FROM s) AS fewest_slots
FROM lane_clock c ORDER BY c.lane
""")

_LOCK_FLOWS: Final = text("""
SELECT tenant_id, weight, max_inflight, vtime FROM flow
WHERE lane = :lane AND active AND parked_until IS NULL
ORDER BY vtime LIMIT :flows FOR NO KEY UPDATE SKIP LOCKED
""")

# A flow's jobs start at its virtual time, or at the lane's if it rested; the lane's own time is
# the start of the last job served. So a flow that returns stands beside the busy ones.
_RELEASE: Final = text("""
WITH r AS MATERIALIZED (
  SELECT x.t, x.w, x.q, GREATEST(x.s, :v) AS start, x.m - (
    SELECT count(*) FROM (
      SELECT 1 FROM live l WHERE l.lane = :lane AND l.tenant_id = x.t AND l.state IN (3, 4)
      LIMIT x.m) busy) AS room
  FROM unnest(CAST(:tenants AS bigint[]), CAST(:weights AS int[]), CAST(:limits AS int[]),
              CAST(:quotas AS int[]), CAST(:vtimes AS bigint[])) AS x(t, w, m, q, s)),
j AS MATERIALIZED (
  SELECT x.job_id FROM r CROSS JOIN LATERAL (
    SELECT l.job_id FROM live l
    WHERE l.state = 2 AND l.lane = :lane AND l.tenant_id = r.t
    ORDER BY l.priority, l.job_id LIMIT GREATEST(LEAST(r.room, r.q), 0)
    FOR UPDATE SKIP LOCKED) x),
u AS (
  UPDATE live SET state = 3, fence = fence + 1, lease_until = now() + :ttl
  FROM j WHERE live.job_id = j.job_id
  RETURNING live.job_id, live.tenant_id, live.fence, live.priority),
n AS (
  SELECT r.t, r.room, r.start, :scale / r.w AS cost, count(u.job_id) AS got
  FROM r LEFT JOIN u ON u.tenant_id = r.t GROUP BY r.t, r.w, r.room, r.start),
f AS (
  UPDATE flow SET
    vtime = n.start + n.got * n.cost,
    parked_until = CASE WHEN n.room <= n.got THEN now() + :park END,
    park_reason = CASE WHEN n.room <= n.got THEN :full END
  FROM n WHERE flow.lane = :lane AND flow.tenant_id = n.t AND (n.got > 0 OR n.room <= 0)),
c AS (
  UPDATE lane_clock SET
    v = GREATEST(v, (SELECT max(n.start + (n.got - 1) * n.cost) FROM n WHERE n.got > 0)),
    pass = GREATEST(pass, :floor) + :stride * (SELECT count(*) FROM u)
  WHERE lane = :lane AND EXISTS (SELECT 1 FROM u))
SELECT job_id, fence, tenant_id FROM u ORDER BY priority, job_id
""")

_UNPARK: Final = text("""
WITH x AS (
  SELECT lane, tenant_id FROM flow WHERE parked_until <= now()
  ORDER BY parked_until LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
UPDATE flow SET parked_until = NULL, park_reason = NULL FROM x
WHERE flow.lane = x.lane AND flow.tenant_id = x.tenant_id
""")

_RETURN: Final = text("""
UPDATE live SET state = 2, fence = live.fence + 1, lease_until = NULL
FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS p(job_id, fence)
WHERE live.job_id = p.job_id AND live.fence = p.fence AND live.state = 3
RETURNING live.lane, live.tenant_id
""")


async def capacity(connection: AsyncConnection) -> Capacity:
    """Return how much may be released, and which lanes have something to release."""
    rows = (await connection.execute(_CAPACITY)).all()
    lanes = tuple(
        LaneState(BY_NUMBER[row.lane], row.turn, row.v, row.backlogged, row.slots, row.inflight)
        for row in rows
    )
    first = rows[0] if rows else None
    if first is None:
        return Capacity((), 0, 0, 1)
    return Capacity(lanes, first.all_slots, first.workers, first.fewest_slots)


async def lock_flows(connection: AsyncConnection, lane: Lane, limit: int) -> list[LockedFlow]:
    """Lock the flows of ``lane`` with the lowest virtual time that no one else has locked."""
    rows = await connection.execute(_LOCK_FLOWS, {"lane": lane.number, "flows": limit})
    return [LockedFlow(r.tenant_id, r.weight, r.max_inflight, r.vtime) for r in rows]


async def release_jobs(
    connection: AsyncConnection,
    lane: LaneState,
    quotas: Sequence[Quota],
    *,
    lease: timedelta,
    stride: int,
    floor: int,
) -> list[tuple[int, Pointer]]:
    """Release up to each quota from flows that this transaction has locked.

    Args:
        connection: The transaction that called ``lock_flows``; commit it before publishing.
        lane: The lane, as ``capacity`` gave it.
        quotas: Jobs per flow; each flow's own limit is applied besides.
        lease: How long a worker may take to start a job before it is released again.
        stride: What one job adds to the lane's turn.
        floor: The least turn the lane may have: a lane that rested has no credit.

    Returns:
        ``(tenant_id, pointer)`` of every released job.
    """
    rows = await connection.execute(
        _RELEASE,
        {
            "lane": lane.lane.number,
            "tenants": [quota.flow.tenant_id for quota in quotas],
            "weights": [quota.flow.weight for quota in quotas],
            "limits": [quota.flow.max_inflight for quota in quotas],
            "quotas": [quota.jobs for quota in quotas],
            "ttl": lease,
            "vtimes": [quota.flow.vtime for quota in quotas],
            "v": lane.v,
            "scale": VTIME_SCALE,
            "park": _PARK,
            "full": PARKED_FULL,
            "stride": stride,
            "floor": floor,
        },
    )
    return [(row.tenant_id, Pointer(row.job_id, row.fence)) for row in rows]


async def unpark_flows(connection: AsyncConnection) -> int:
    """Return flows whose park is over to the rotation, and how many these were."""
    return (await connection.execute(_UNPARK)).rowcount


async def return_releases(
    connection: AsyncConnection, pointers: Sequence[Pointer]
) -> list[FlowKey]:
    """Take back releases that a stopping worker did not start; return the flows to wake."""
    rows = await connection.execute(
        _RETURN,
        {
            "ids": [pointer.job_id for pointer in pointers],
            "fences": [pointer.fence for pointer in pointers],
        },
    )
    return [(row.lane, row.tenant_id) for row in rows]
