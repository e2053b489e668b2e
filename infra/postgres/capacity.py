"""What a dispatcher looks at before it releases: lanes, workers, models that take no more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.lanes import BY_NUMBER, Lane


@dataclass(frozen=True, slots=True)
class LaneState:
    """What a dispatcher needs to know of one lane before it releases.

    Attributes:
        turn: The lane's place in the rotation of lanes.
        v: The lane's virtual time.
        backlogged: An awake, unparked flow exists: there may be ready jobs.
        slots: Slots of the live workers that take this lane.
        inflight: Jobs of the lane that are released or running.
        paused: An operator holds the lane back.
    """

    lane: Lane
    turn: int
    v: int
    backlogged: bool
    slots: int
    inflight: int
    paused: bool = False


@dataclass(frozen=True, slots=True)
class PoolState:
    """The pool of a model's jobs; ``paused`` if an operator holds the model back."""

    id: int
    model: str
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Capacity:
    """All lanes, and the workers behind them; ``fewest_slots`` is of the smallest worker.

    Attributes:
        pools: The pools that jobs were ever submitted for.
        waits: Seconds until a limiter's key has room again; keys with room are absent.
    """

    lanes: tuple[LaneState, ...]
    slots: int
    workers: int
    fewest_slots: int
    pools: tuple[PoolState, ...] = ()
    waits: dict[str, float] | None = None


# The first flow by virtual time, and not EXISTS: there the planner expects a row at once, and
# reads the whole table to learn that a lane has none.
# A limiter has room for one unit once its arrival time is no more than burst - 1 units ahead.
_CAPACITY: Final = HotStatement("""
WITH s AS MATERIALIZED (
  SELECT slots, lanes FROM session WHERE expires_at > clock_timestamp() AND NOT draining)
SELECT c.lane, c.pass AS turn, c.v, c.paused_at IS NOT NULL AS paused,
  (SELECT f.tenant_id FROM flow f
   WHERE f.lane = c.lane AND f.active AND f.parked_until IS NULL
   ORDER BY f.vtime LIMIT 1) IS NOT NULL AS backlogged,
  (SELECT COALESCE(sum(s.slots), 0) FROM s WHERE c.lane = ANY (s.lanes)) AS slots,
  (SELECT count(*) FROM live l WHERE l.lane = c.lane AND l.state IN (3, 4)) AS inflight,
  (SELECT COALESCE(sum(s.slots), 0) FROM s) AS all_slots,
  (SELECT count(*) FROM s) AS workers,
  (SELECT COALESCE(min(s.slots), 1) FROM s) AS fewest_slots,
  (SELECT json_agg(json_build_array(p.id, p.model, p.paused_at IS NOT NULL)) FROM pool p)
    AS pools,
  (SELECT json_object_agg(w.key, w.seconds) FROM (
     SELECT m.key, EXTRACT(epoch FROM
         GREATEST(m.tat - (m.burst - 1) * m.emission, m.closed_until) - clock_timestamp())
       AS seconds
     FROM limiter m WHERE m.key = ANY (CAST(:keys AS text[]))
       AND GREATEST(m.tat - (m.burst - 1) * m.emission, m.closed_until) > clock_timestamp()) w)
    AS waits
FROM lane_clock c ORDER BY c.lane
""")


async def capacity(connection: AsyncConnection, keys: Sequence[str] = ()) -> Capacity:
    """Return how much may be released, and which lanes have something to release.

    Args:
        connection: Any connection.
        keys: The limiters of the configured model servers and accounts.
    """
    rows = await _CAPACITY.run(connection, {"keys": list(keys)})
    if not rows:
        return Capacity((), 0, 0, 1)
    lanes = tuple(
        LaneState(
            BY_NUMBER[row.lane],
            row.turn,
            row.v,
            row.backlogged,
            row.slots,
            row.inflight,
            row.paused,
        )
        for row in rows
    )
    first: Any = rows[0]
    pools = tuple(PoolState(*members) for members in first.pools or ())
    return Capacity(
        lanes, first.all_slots, first.workers, first.fewest_slots, pools, first.waits or {}
    )
