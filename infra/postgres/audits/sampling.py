"""One look at what is in flight and who stands where in the rotation: cheap, for many looks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class InFlightJob:
    """A job that is released or runs, and the limits of its tenant as they stand."""

    job_id: UUID
    fence: int
    lane: int
    tenant_id: int
    pool: int
    running: bool
    images: int
    max_inflight: int | None
    max_inflight_total: int | None


@dataclass(frozen=True, slots=True)
class BackloggedFlow:
    """A flow that may be served and has work; ``start`` is its virtual time, or its lane's."""

    lane: int
    tenant_id: int
    start: int
    weight: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. ``at`` is PostgreSQL's clock; each part is a snapshot of its own."""

    at: datetime
    inflight: tuple[InFlightJob, ...]
    flows: tuple[BackloggedFlow, ...]


_INFLIGHT: Final = text("""
SELECT l.job_id, l.fence, l.lane, l.tenant_id, l.pool, l.state = 4 AS running, l.images,
  t.max_inflight, t.max_inflight_total
FROM live l LEFT JOIN tenant t ON t.id = l.tenant_id
WHERE l.state IN (3, 4)
""")
_FLOWS: Final = text("""
SELECT f.lane, f.tenant_id, GREATEST(f.vtime, c.v) AS start, f.weight
FROM lane_clock c CROSS JOIN LATERAL (
  SELECT lane, tenant_id, vtime, weight FROM flow
  WHERE lane = c.lane AND active AND parked_until IS NULL ORDER BY vtime LIMIT :most) f
WHERE (SELECT l.job_id FROM live l
       WHERE l.state = 2 AND l.lane = f.lane AND l.tenant_id = f.tenant_id
       ORDER BY l.priority, l.job_id LIMIT 1) IS NOT NULL
""")
_NOW: Final = text("SELECT clock_timestamp()")


async def take_sample(connection: AsyncConnection, *, most_flows: int = 200) -> Sample:
    """Look once: at all that is in flight, and at the first flows of each lane."""
    inflight = (await connection.execute(_INFLIGHT)).all()
    flows = (await connection.execute(_FLOWS, {"most": most_flows})).all()
    return Sample(
        # After the looks: whatever they saw had happened by then.
        at=(await connection.execute(_NOW)).scalar_one(),
        inflight=tuple(InFlightJob(*row) for row in inflight),
        flows=tuple(BackloggedFlow(*row) for row in flows),
    )
