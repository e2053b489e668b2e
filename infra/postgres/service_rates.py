"""How fast lanes serve models: measured by dispatchers, read for estimates of arrival.

A rate is a sum of decaying marks: each job adds ``1/HORIZON`` and all of it fades with the time
constant ``HORIZON``. Sums add up, so any number of dispatchers may each add what it saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

HORIZON: Final = timedelta(seconds=20)
# A mean over about so many jobs.
_MEMORY: Final = 50


@dataclass(frozen=True, slots=True)
class Served:
    """What one dispatcher saw of a lane and pool since it last told.

    Attributes:
        released: Jobs handed out, which in the long run is jobs done. May be a fraction.
        finished: Jobs whose end it saw, and ``seconds`` that these took on average.
    """

    lane: int
    pool: int
    released: float
    finished: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ServiceRate:
    """How fast a lane serves a pool; ``None`` is what nobody has seen yet.

    Attributes:
        jobs_per_second: Of late; falls when nothing is served.
        seconds_per_job: From the start of an attempt to its end.
    """

    pool: int
    jobs_per_second: float
    seconds_per_job: float | None


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A job of the ledger; ``seconds`` if it has ended after it ran."""

    id: UUID
    lane: int
    pool: int
    ended: bool
    seconds: float | None


_ADD: Final = text("""
INSERT INTO service_rate AS r (lane, pool, jobs_per_second, seconds_per_job, measured_at)
SELECT x.lane, x.pool, x.released / :horizon, x.seconds, clock_timestamp()
FROM unnest(CAST(:lanes AS smallint[]), CAST(:pools AS smallint[]),
  CAST(:released AS float8[]), CAST(:seconds AS float8[])) AS x(lane, pool, released, seconds)
ORDER BY x.lane, x.pool
ON CONFLICT (lane, pool) DO UPDATE SET
  jobs_per_second = excluded.jobs_per_second + r.jobs_per_second * exp(-LEAST(50, GREATEST(0,
    EXTRACT(epoch FROM excluded.measured_at - r.measured_at) / :horizon))),
  seconds_per_job = r.seconds_per_job, measured_at = excluded.measured_at
""")

_MEAN: Final = text("""
UPDATE service_rate r SET seconds_per_job = CASE WHEN r.seconds_per_job = 0 THEN x.seconds
  ELSE r.seconds_per_job + (x.seconds - r.seconds_per_job) * x.share END
FROM unnest(CAST(:lanes AS smallint[]), CAST(:pools AS smallint[]),
  CAST(:seconds AS float8[]), CAST(:shares AS float8[])) AS x(lane, pool, seconds, share)
WHERE r.lane = x.lane AND r.pool = x.pool
""")

_RATES: Final = text("""
SELECT pool, NULLIF(seconds_per_job, 0) AS seconds_per_job, jobs_per_second * exp(-LEAST(50,
  GREATEST(0, EXTRACT(epoch FROM clock_timestamp() - measured_at) / :horizon)))
  AS jobs_per_second
FROM service_rate WHERE lane = :lane
""")

_JOBS: Final = text("""
SELECT id, lane, pool, final_state IS NOT NULL AS ended,
  EXTRACT(epoch FROM finished_at - started_at) AS seconds
FROM job WHERE id = ANY (CAST(:ids AS uuid[])) AND id BETWEEN :low AND :high
""")


async def add_served(connection: AsyncConnection, served: Sequence[Served]) -> None:
    """Add what a dispatcher saw to the rates."""
    if not served:
        return
    ordered = sorted(served, key=lambda one: (one.lane, one.pool))
    columns = {
        "lanes": [one.lane for one in ordered],
        "pools": [one.pool for one in ordered],
        "released": [one.released for one in ordered],
        "seconds": [one.seconds for one in ordered],
        "horizon": HORIZON.total_seconds(),
    }
    await connection.execute(_ADD, columns)
    means = [one for one in ordered if one.finished]
    if means:
        await connection.execute(
            _MEAN,
            {
                "lanes": [one.lane for one in means],
                "pools": [one.pool for one in means],
                "seconds": [max(one.seconds, 0.001) for one in means],
                "shares": [min(1.0, one.finished / _MEMORY) for one in means],
            },
        )


async def rates_of(connection: AsyncConnection, lane: int) -> list[ServiceRate]:
    """Return how fast the lane serves each pool, faded to this instant."""
    rows = await connection.execute(_RATES, {"lane": lane, "horizon": HORIZON.total_seconds()})
    return [ServiceRate(r.pool, float(r.jobs_per_second), r.seconds_per_job) for r in rows]


async def see_jobs(connection: AsyncConnection, ids: Sequence[UUID]) -> list[SeenJob]:
    """Return what became of jobs; by their keys, so it costs what they are."""
    if not ids:
        return []
    rows = await connection.execute(
        _JOBS, {"ids": list(ids), "low": min(ids), "high": max(ids)}
    )
    return [
        SeenJob(r.id, r.lane, r.pool, r.ended, None if r.seconds is None else float(r.seconds))
        for r in rows
    ]
