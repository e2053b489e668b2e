"""What limits have left and what waits for them, looked at without locking anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.limits import Limit
from schemas.lanes import BY_NUMBER, Lane

MOST_COUNTED: Final = 100_000
"""More ready jobs of a lane than this are not counted."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of a limit.

    Attributes:
        units: That may be used at once.
        full_at: When the whole allowance is back; ``None`` if it is there now.
        closed_until: What waits for it needs more than it has until then.
    """

    limit: Limit
    units: int
    full_at: datetime | None
    closed_until: datetime | None


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """How a tenant stands in a lane.

    Attributes:
        waiting: Ready jobs, ``MOST_COUNTED`` at the most.
        inflight: Jobs released or running.
        parked_until: Its flow is out of the rotation until then, for ``park_reason``.
        lane_paused: An operator holds the whole lane back.
    """

    lane: Lane
    waiting: int
    inflight: int
    park_reason: int | None
    parked_until: datetime | None
    lane_paused: bool


# A limit that was never used has no row. It is judged by the plan, as the release does: the
# row tells by what it was last reserved.
_LEFT: Final = text("""
SELECT x.key, floor(x.burst - EXTRACT(epoch FROM GREATEST(m.tat, n.at) - n.at)
    / EXTRACT(epoch FROM x.emission) + 0.000001) AS units,
  CASE WHEN m.tat > n.at THEN m.tat END AS full_at,
  CASE WHEN m.closed_until > n.at THEN m.closed_until END AS closed_until
FROM unnest(CAST(:keys AS text[]), CAST(:emissions AS interval[]), CAST(:bursts AS int[]))
  AS x(key, emission, burst)
LEFT JOIN limiter m ON m.key = x.key CROSS JOIN (SELECT clock_timestamp() AS at) n
""")

_LANES: Final = text(f"""
SELECT c.lane, c.paused_at IS NOT NULL AS lane_paused, f.park_reason, f.parked_until,
  (SELECT count(*) FROM (SELECT 1 FROM live l
     WHERE l.lane = c.lane AND l.tenant_id = :id AND l.state = 2 LIMIT {MOST_COUNTED}) n)
   AS waiting,
  (SELECT count(*) FROM live l
   WHERE l.lane = c.lane AND l.tenant_id = :id AND l.state IN (3, 4)) AS inflight
FROM lane_clock c LEFT JOIN flow f
  ON f.lane = c.lane AND f.tenant_id = :id AND f.parked_until > clock_timestamp()
ORDER BY c.lane
""")

_NOW: Final = text("SELECT clock_timestamp()")


async def remaining(
    connection: AsyncConnection, limits: Sequence[Limit]
) -> dict[str, Remaining]:
    """Return what each limit has left, by its key."""
    values = {
        "keys": [limit.key for limit in limits],
        "emissions": [limit.emission for limit in limits],
        "bursts": [limit.burst for limit in limits],
    }
    by_key = {limit.key: limit for limit in limits}
    return {
        row.key: Remaining(
            by_key[row.key], max(0, int(row.units)), row.full_at, row.closed_until
        )
        for row in await connection.execute(_LEFT, values)
    }


async def lane_standings(connection: AsyncConnection, tenant_id: int) -> list[LaneStanding]:
    """Return how a tenant stands in every lane, the most urgent first."""
    return [
        LaneStanding(
            BY_NUMBER[row.lane],
            row.waiting,
            row.inflight,
            row.park_reason,
            row.parked_until,
            row.lane_paused,
        )
        for row in await connection.execute(_LANES, {"id": tenant_id})
    ]


async def database_time(connection: AsyncConnection) -> datetime:
    """Return what PostgreSQL's clock says, which is what limits go by."""
    return (await connection.execute(_NOW)).scalar_one()
