"""Where a queued job stands. Nothing here reads a backlog: counts stop, beyond them it reckons.

In its flow a job stands behind those of lower priority number and age. In its lane it starts
when the lane's virtual time reaches its start tag, so ahead of it are the jobs of other flows
with lower tags. What is beyond a count's limit is taken from the planner's statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.release import VTIME_SCALE
from infra.postgres.submit import NewJob
from schemas.cost import ORDINARY

MOST: Final = 1000
"""Where counting stops and reckoning begins."""
# What a thousandth of an ordinary job adds to the virtual time of a flow of weight 1.
_SCALE: Final = VTIME_SCALE // ORDINARY
_FLOWS: Final = 64
_DEPTH: Final = 32
_USERS: Final = 32


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a ready job's place.

    Attributes:
        in_flow: Jobs of its own flow ahead of it.
        in_lane: Jobs of the lane ahead of it, its own flow's included.
        estimated: One of the two is reckoned.
        slots: Slots of the workers that take the lane.
        all_slots: Slots of all workers; ``inflight`` are the jobs released or running on them.
        flow_inflight: Jobs of its flow in flight; of at most ``max_inflight``.
        busy_lanes: The numbers of the lanes that have work, this one included.
    """

    lane: int
    pool: int
    in_flow: int
    in_lane: int
    estimated: bool
    slots: int
    all_slots: int
    inflight: int
    flow_inflight: int
    max_inflight: int
    busy_lanes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when a queued job waits at least, if that is known, and PostgreSQL's time."""

    until: datetime | None
    at: datetime


# A park may be shorter than what it waits for, so the servers of the model are asked too: the
# job waits until the first of them opens.
_WAIT: Final = text("""
SELECT clock_timestamp() AS at, CASE l.state WHEN 1 THEN l.run_at ELSE (
  SELECT GREATEST(f.parked_until, CASE f.park_reason WHEN 3 THEN (
    SELECT min(COALESCE(m.closed_until, '-infinity'))
    FROM unnest(CAST(:servers AS text[])) AS s(key) LEFT JOIN limiter m ON m.key = s.key) END)
  FROM flow f LEFT JOIN pool p ON p.id = l.pool
  WHERE f.lane = l.lane AND f.tenant_id = l.tenant_id AND f.park_reason IN (2, 3)
    AND p.paused_at IS NULL) END AS until
FROM live l WHERE l.job_id = :id AND l.state < 4
""")

# The two counts of the flow: by priority and age, and for a flow that end users share, of the
# own end user alone (a scan of at most MOST entries, whatever is behind them).
_THERE: Final = """
  SELECT l.job_id, l.lane, l.tenant_id, l.pool, l.priority, l.end_user_key, c.v, f.weight,
    f.cost, f.shared, t.max_inflight, GREATEST(f.vtime, c.v) AS start
  FROM live l JOIN lane_clock c ON c.lane = l.lane JOIN tenant t ON t.id = l.tenant_id
  JOIN flow f ON f.lane = l.lane AND f.tenant_id = l.tenant_id
  WHERE l.job_id = :id AND l.state = 2"""
# A job that nobody submitted, behind all that are there.
_IMAGINED_ID: Final = UUID(int=(1 << 128) - 1)
_IMAGINED: Final = f"""
  SELECT CAST('{_IMAGINED_ID}' AS uuid) AS job_id, c.lane,
    t.id AS tenant_id, CAST(:pool AS smallint) AS pool, CAST(:priority AS smallint) AS priority,
    COALESCE((hashtextextended(:end_user, 0) & 9223372036854775807) | 1, 0) AS end_user_key,
    c.v, COALESCE(f.weight, t.weight) AS weight, COALESCE(f.cost, 1000) AS cost,
    COALESCE(f.shared, false) AS shared, t.max_inflight, GREATEST(f.vtime, c.v) AS start
  FROM lane_clock c JOIN tenant t ON t.id = :tenant
  LEFT JOIN flow f ON f.lane = c.lane AND f.tenant_id = t.id
  WHERE c.lane = :lane"""
_SURROUNDINGS: Final = """
WITH me AS MATERIALIZED ({me}),
s AS MATERIALIZED (
  SELECT slots, lanes FROM session WHERE expires_at > clock_timestamp() AND NOT draining)
SELECT me.*,
  (SELECT count(*) FROM (
     SELECT 1 FROM live l WHERE l.state = 2 AND l.lane = me.lane AND l.tenant_id = me.tenant_id
       AND (l.priority, l.job_id) < (me.priority, me.job_id)
     ORDER BY l.lane, l.tenant_id, l.priority, l.job_id LIMIT :most) x) AS ahead,
  CASE WHEN me.shared THEN (SELECT count(*) FILTER (
      WHERE (x.priority, x.job_id) < (me.priority, me.job_id)) FROM (
     SELECT l.priority, l.job_id FROM live l WHERE l.state = 2 AND l.lane = me.lane
       AND l.tenant_id = me.tenant_id AND l.end_user_key = me.end_user_key
     ORDER BY l.lane, l.tenant_id, l.end_user_key, l.pool, l.priority, l.job_id
     LIMIT :most) x)
  END AS own_ahead,
  (SELECT count(*) FROM live l WHERE l.lane = me.lane AND l.tenant_id = me.tenant_id
     AND l.state IN (3, 4)) AS flow_inflight,
  (SELECT count(*) FROM live l WHERE l.state IN (3, 4)) AS inflight,
  (SELECT COALESCE(sum(s.slots), 0) FROM s WHERE me.lane = ANY (s.lanes)) AS slots,
  (SELECT COALESCE(sum(s.slots), 0) FROM s) AS all_slots,
  ARRAY(SELECT c.lane FROM lane_clock c WHERE c.paused_at IS NULL AND (
    SELECT f.tenant_id FROM flow f WHERE f.lane = c.lane AND f.active AND f.parked_until IS NULL
    ORDER BY f.vtime LIMIT 1) IS NOT NULL) AS busy_lanes
FROM me
"""
_FLOW: Final = text(_SURROUNDINGS.format(me=_THERE))
_NEW: Final = text(_SURROUNDINGS.format(me=_IMAGINED))

# How many end users have work in the flow: one probe each, and no more than :users.
_SHARERS: Final = text("""
WITH RECURSIVE u AS (
  (SELECT l.end_user_key AS k, 1 AS n FROM live l
   WHERE l.state = 2 AND l.lane = :lane AND l.tenant_id = :tenant
   ORDER BY l.end_user_key LIMIT 1)
  UNION ALL
  SELECT x.k, u.n + 1 FROM u, LATERAL (
    SELECT l.end_user_key AS k FROM live l
    WHERE l.state = 2 AND l.lane = :lane AND l.tenant_id = :tenant AND l.end_user_key > u.k
    ORDER BY l.end_user_key LIMIT 1) x WHERE u.n < :users)
SELECT count(*) FROM u
""")

# The other flows whose next job starts before :tag, and of the first of them how many jobs do.
# Of two that start at the same virtual time, the tenant with the lower number goes first; among
# more than a dispatcher looks at in one turn, whoever came first.
_LANE: Final = text("""
WITH n AS MATERIALIZED (
  SELECT count(*) AS flows FROM (
    SELECT 1 FROM flow f WHERE f.lane = :lane AND f.active AND f.parked_until IS NULL
      AND f.vtime <= :tag ORDER BY f.vtime LIMIT :most) x)
SELECT (SELECT flows FROM n) AS flows, count(*) AS looked_at,
  COALESCE(sum(LEAST(g.jobs, g.k)), 0) AS jobs,
  COALESCE(sum(g.k - :depth) FILTER (WHERE g.jobs >= :depth AND g.k > :depth), 0) AS unseen
FROM (
  SELECT o.k, (
    SELECT count(*) FROM (
      SELECT 1 FROM live l WHERE l.state = 2 AND l.lane = :lane AND l.tenant_id = o.tenant_id
      ORDER BY l.priority, l.job_id LIMIT LEAST(o.k, :depth)) y) AS jobs
  FROM (
    SELECT f.tenant_id, floor(f.turns + 0.000001) + CAST(
      n.flows > :sample OR f.tenant_id < :tenant
      OR f.turns - floor(f.turns + 0.000001) > 0.00001 AS int) AS k
    FROM (
      SELECT tenant_id, GREATEST(0, :tag - GREATEST(vtime, :v)) * CAST(weight AS float8)
        / (:scale * CAST(GREATEST(cost, 1) AS float8)) AS turns FROM flow
      WHERE lane = :lane AND active AND parked_until IS NULL AND vtime <= :tag
      ORDER BY vtime LIMIT :sample) f CROSS JOIN n
    WHERE f.tenant_id <> :tenant) o) g
""")

# Where among the jobs of its own priority a job stands, were they submitted at an even pace.
# BETWEEN, and not =, for which the planner would walk the primary key in the order of age.
_PART: Final = text("""
SELECT EXTRACT(epoch FROM uuid_extract_timestamp(:id) - uuid_extract_timestamp(a.job_id))
  / GREATEST(0.001, EXTRACT(epoch FROM
      uuid_extract_timestamp(z.job_id) - uuid_extract_timestamp(a.job_id))) AS part
FROM (SELECT job_id FROM live WHERE state = 2 AND lane = :lane AND tenant_id = :tenant
        AND priority BETWEEN :priority AND :priority
      ORDER BY priority, job_id LIMIT 1) a
CROSS JOIN (SELECT job_id FROM live WHERE state = 2 AND lane = :lane AND tenant_id = :tenant
        AND priority BETWEEN :priority AND :priority
      ORDER BY priority DESC, job_id DESC LIMIT 1) z
""")

# Not run, only planned: EXPLAIN costs the same whatever the tables hold.
# (Counts that stop are ordered by an index: in a flow that fills the table, the planner would
# otherwise hope to find as many rows in a scan of it all.)
_EXPLAIN_FLOW: Final = text("""
EXPLAIN (FORMAT JSON)
SELECT 1 FROM live
WHERE state = 2 AND lane = :lane AND tenant_id = :tenant AND priority < :priority
UNION ALL SELECT 1 FROM live
WHERE state = 2 AND lane = :lane AND tenant_id = :tenant AND priority = :priority
""")
_EXPLAIN_LANE: Final = text("""
EXPLAIN (FORMAT JSON)
SELECT 1 FROM live WHERE state = 2 AND lane = :lane
UNION ALL SELECT 1 FROM flow
WHERE lane = :lane AND active AND parked_until IS NULL AND vtime <= :tag
""")


async def wait_of(
    connection: AsyncConnection, job_id: UUID, servers: Sequence[str]
) -> Wait | None:
    """Return what is known of an unstarted job's wait; ``None`` if it has started.

    Args:
        connection: To read with.
        job_id: The job.
        servers: The limiter keys of the servers that offer its model.
    """
    values = {"id": job_id, "servers": list(servers)}
    row = (await connection.execute(_WAIT, values)).one_or_none()
    return None if row is None else Wait(row.until, row.at)


async def standing_of(connection: AsyncConnection, job_id: UUID) -> Standing | None:
    """Return where a ready job stands; ``None`` if it is not ready any more."""
    me = (await connection.execute(_FLOW, {"id": job_id, "most": MOST})).one_or_none()
    return None if me is None else await _standing(connection, me)


async def standing_of_new(connection: AsyncConnection, job: NewJob) -> Standing:
    """Return where a job would stand if it were submitted now, and were ready at once."""
    values = {
        "lane": job.lane,
        "tenant": job.tenant_id,
        "pool": job.pool,
        "priority": job.priority,
        "end_user": job.end_user,
        "most": MOST,
    }
    return await _standing(connection, (await connection.execute(_NEW, values)).one())


async def _standing(connection: AsyncConnection, me: Any) -> Standing:
    in_flow, estimated = await _in_flow(connection, me)
    standing = Standing(
        lane=me.lane,
        pool=me.pool,
        in_flow=in_flow,
        in_lane=in_flow,
        estimated=estimated,
        slots=me.slots,
        all_slots=me.all_slots,
        inflight=me.inflight,
        flow_inflight=me.flow_inflight,
        max_inflight=me.max_inflight,
        busy_lanes=tuple({*me.busy_lanes, me.lane}),
    )
    others, reckoned = await _others(connection, me, in_flow)
    return replace(standing, in_lane=in_flow + others, estimated=estimated or reckoned)


async def _in_flow(connection: AsyncConnection, me: Any) -> tuple[int, bool]:
    ahead, estimated = me.ahead, False
    if ahead >= MOST:
        values = {"lane": me.lane, "tenant": me.tenant_id, "priority": me.priority}
        part = await connection.execute(_PART, {**values, "id": me.job_id})
        urgent, equal = await _planned(connection, _EXPLAIN_FLOW, **values)
        ahead = urgent + round(equal * min(1.0, float(part.scalar() or 1.0)))
        ahead, estimated = max(MOST, ahead), True
    if not me.shared:
        return ahead, estimated
    found = await connection.execute(
        _SHARERS, {"lane": me.lane, "tenant": me.tenant_id, "users": _USERS}
    )
    # Whose only job there is imagined, or was released a moment ago, is not among them.
    counted = me.own_ahead > 0 or me.job_id != _IMAGINED_ID
    others = max(0, found.scalar_one() - counted)
    # Each of the others is served once between two jobs of mine.
    in_turn = me.own_ahead + (me.own_ahead + 1) * others
    return min(ahead, in_turn), True


async def _others(connection: AsyncConnection, me: Any, in_flow: int) -> tuple[int, bool]:
    """Return how many jobs of other flows go first, and whether that is reckoned."""
    tag = me.start + in_flow * me.cost * _SCALE // max(1, me.weight)
    values = {"lane": me.lane, "tenant": me.tenant_id, "v": me.v, "tag": tag}
    lane: Any = (
        await connection.execute(
            _LANE,
            {**values, "most": MOST, "depth": _DEPTH, "sample": _FLOWS, "scale": _SCALE},
        )
    ).one()
    jobs, unseen, flows = int(lane.jobs), int(lane.unseen), lane.flows
    if flows <= _FLOWS and not unseen:
        return jobs, False
    ready, planned = await _planned(connection, _EXPLAIN_LANE, lane=me.lane, tag=tag)
    if flows >= MOST:
        flows = max(MOST, planned)
    each = (jobs + unseen) / max(1, lane.looked_at)
    return max(jobs, min(round(each * flows), ready - in_flow)), True


async def _planned(
    connection: AsyncConnection, statement: TextClause, **values: Any
) -> tuple[int, int]:
    """Return how many rows the planner expects of either half of a UNION ALL."""
    plan: Any = (await connection.execute(statement, values)).scalar_one()
    first, second = plan[0]["Plan"]["Plans"]
    return int(first["Plan Rows"]), int(second["Plan Rows"])
