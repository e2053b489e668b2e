"""Lanes of deliveries: which are due, who owns them, and where each receiver stands.

One delivery process owns a lane at a time: that alone gives order, exact limits and one breaker
per receiver. Ownership is a lease with a fence, kept by PostgreSQL's clock. A lane is written
when it wakes, when its owner changes, and when its receiver begins or ends to fail.

Statements that write several lanes lock them in the order of their ids, as does everybody who
wakes lanes: no two of them wait for each other.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.webhooks import Breaker


class LaneLease(NamedTuple):
    """A lane, and the number of the lease under which it is owned."""

    lane_id: int
    fence: int


@dataclass(frozen=True, slots=True)
class LaneStanding:
    """Where a lane's receiver stands: the columns that its owner reckons with."""

    breaker: Breaker = Breaker.CLOSED
    failures: int = 0
    failing_since: datetime | None = None
    last_failure_at: datetime | None = None
    last_success_at: datetime | None = None
    probes: int = 0
    in_flight: int | None = None
    blocked_until: datetime | None = None
    throttled_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class LeasedLane:
    """A lane that is ours from now on.

    Attributes:
        orphaned: Its owner did not let it go: the row knows nothing of its last requests.
    """

    lease: LaneLease
    tenant_id: int
    endpoint_id: UUID | None
    origin: str
    standing: LaneStanding
    orphaned: bool


@dataclass(frozen=True, slots=True)
class LaneSaving:
    """What an owner writes of its lane.

    Attributes:
        delivered: Attempts that succeeded since it was written last.
        failed: Attempts that did not.
        rests: Nothing of it is to be sent, whatever is due: its endpoint is disabled.
    """

    lease: LaneLease
    standing: LaneStanding
    delivered: int = 0
    failed: int = 0
    rests: bool = False


# A lane that its owner holds stays due, so that nobody writes it to wake it.
_LEASE: Final = HotStatement("""
WITH k AS MATERIALIZED (
  SELECT id, owner IS NOT NULL AS orphaned FROM webhook_lane
  WHERE id = ANY(CAST(:ids AS bigint[])) AND (owner IS NULL OR lease_until <= now())
  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
UPDATE webhook_lane l SET owner = :me, lease_until = now() + :lease, fence = l.fence + 1,
  next_due_at = LEAST(l.next_due_at, now())
FROM k WHERE l.id = k.id
RETURNING l.id, l.fence, l.tenant_id, l.endpoint_id, l.origin, l.breaker, l.failures,
  l.failing_since, l.last_failure_at, l.last_success_at, l.probes, l.in_flight,
  l.blocked_until, l.throttled_until, k.orphaned
""")

_RENEW: Final = HotStatement("""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:ids AS bigint[]), CAST(:fences AS bigint[]), CAST(:delivered AS bigint[]),
    CAST(:failed AS bigint[]))
  AS x(id, fence, delivered, failed)),
k AS MATERIALIZED (
  SELECT id FROM webhook_lane WHERE id = ANY(CAST(:ids AS bigint[])) AND owner = :me
  ORDER BY id FOR NO KEY UPDATE)
UPDATE webhook_lane l SET lease_until = now() + :lease, delivered = l.delivered + x.delivered,
  failed = l.failed + x.failed
FROM k JOIN x ON x.id = k.id
WHERE l.id = k.id AND l.owner = :me AND l.fence = x.fence
RETURNING l.id
""")

_SAVING: Final = """
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:ids AS bigint[]), CAST(:fences AS bigint[]), CAST(:breakers AS smallint[]),
    CAST(:failures AS int[]), CAST(:failing_since AS timestamptz[]),
    CAST(:last_failures AS timestamptz[]), CAST(:last_successes AS timestamptz[]),
    CAST(:probes AS int[]), CAST(:in_flights AS smallint[]),
    CAST(:blocked_until AS timestamptz[]), CAST(:throttled_until AS timestamptz[]),
    CAST(:delivered AS bigint[]), CAST(:failed AS bigint[]), CAST(:rests AS boolean[]))
  AS x(id, fence, breaker, failures, failing_since, last_failure_at, last_success_at, probes,
       in_flight, blocked_until, throttled_until, delivered, failed, rests)),
k AS MATERIALIZED (
  SELECT id FROM webhook_lane WHERE id = ANY(CAST(:ids AS bigint[])) AND owner = :me
  ORDER BY id FOR NO KEY UPDATE)
UPDATE webhook_lane l SET breaker = x.breaker, failures = x.failures,
  failing_since = x.failing_since, last_failure_at = x.last_failure_at,
  last_success_at = x.last_success_at, probes = x.probes, in_flight = x.in_flight,
  blocked_until = x.blocked_until, throttled_until = x.throttled_until,
  delivered = l.delivered + x.delivered, failed = l.failed + x.failed"""

_SAVED: Final = """
FROM k JOIN x ON x.id = k.id
WHERE l.id = k.id AND l.owner = :me AND l.fence = x.fence
RETURNING l.id
"""

_SAVE: Final = HotStatement(_SAVING + _SAVED)

# GREATEST passes over nulls: a lane that is owed nothing is not due when it may be tried.
_LET_GO: Final = HotStatement(
    _SAVING
    + """, owner = NULL, lease_until = NULL,
  next_due_at = (
    SELECT GREATEST(f.next_at, x.blocked_until) FROM (
      SELECT LEAST(
        (SELECT next_at FROM delivery WHERE lane_id = l.id AND rank = 0
         ORDER BY next_at LIMIT 1),
        (SELECT next_at FROM delivery WHERE lane_id = l.id AND rank = 1
         ORDER BY next_at LIMIT 1)) AS next_at) f
    WHERE f.next_at IS NOT NULL AND NOT x.rests)"""
    + _SAVED
)

_STANDINGS: Final = HotStatement("""
SELECT id, breaker, failures, failing_since, last_failure_at, last_success_at, probes,
  in_flight, blocked_until, throttled_until
FROM webhook_lane WHERE id = ANY(CAST(:ids AS bigint[]))
""")

_CLOCK: Final = HotStatement("SELECT clock_timestamp() AS at")


async def lease_lanes(
    connection: AsyncConnection, ids: Collection[int], *, me: int, lease: timedelta
) -> list[LeasedLane]:
    """Become the owner of lanes that have none; somebody may have been quicker."""
    if not ids:
        return []
    rows = await _LEASE.run(connection, {"ids": list(ids), "me": me, "lease": lease})
    return [_leased(row) for row in rows]


async def renew_lanes(
    connection: AsyncConnection, savings: Sequence[LaneSaving], *, me: int, lease: timedelta
) -> set[int]:
    """Own lanes for another ``lease``, and add to what was counted.

    Returns:
        The lanes that are still ours.
    """
    rows = await _RENEW.run(
        connection,
        {
            "ids": [saving.lease.lane_id for saving in savings],
            "fences": [saving.lease.fence for saving in savings],
            "delivered": [saving.delivered for saving in savings],
            "failed": [saving.failed for saving in savings],
            "me": me,
            "lease": lease,
        },
    )
    return {row.id for row in rows}


async def save_lanes(
    connection: AsyncConnection, savings: Sequence[LaneSaving], *, me: int
) -> None:
    """Write where the receivers of lanes stand that are still ours."""
    await _SAVE.run(connection, {**_columns(savings), "me": me})


async def let_go(
    connection: AsyncConnection, savings: Sequence[LaneSaving], *, me: int
) -> set[int]:
    """Give lanes up; each is due when the first of its deliveries is.

    Returns:
        The lanes that were still ours.
    """
    if not savings:
        return set()
    rows = await _LET_GO.run(connection, {**_columns(savings), "me": me})
    return {row.id for row in rows}


async def read_standings(
    connection: AsyncConnection, ids: Collection[int]
) -> dict[int, LaneStanding]:
    """Return where the receivers of lanes stand by their rows."""
    if not ids:
        return {}
    rows = await _STANDINGS.run(connection, {"ids": list(ids)})
    return {row.id: _standing(row) for row in rows}


async def time_of_server(connection: AsyncConnection) -> datetime:
    """Return PostgreSQL's time."""
    return (await _CLOCK.run(connection, {}))[0].at


def _leased(row: Any) -> LeasedLane:
    return LeasedLane(
        LaneLease(row.id, row.fence),
        row.tenant_id,
        row.endpoint_id,
        row.origin,
        _standing(row),
        row.orphaned,
    )


def _standing(row: Any) -> LaneStanding:
    return LaneStanding(
        breaker=Breaker(row.breaker),
        failures=row.failures,
        failing_since=row.failing_since,
        last_failure_at=row.last_failure_at,
        last_success_at=row.last_success_at,
        probes=row.probes,
        in_flight=row.in_flight,
        blocked_until=row.blocked_until,
        throttled_until=row.throttled_until,
    )


def _columns(savings: Sequence[LaneSaving]) -> dict[str, Any]:
    standings = [saving.standing for saving in savings]
    return {
        "ids": [saving.lease.lane_id for saving in savings],
        "fences": [saving.lease.fence for saving in savings],
        "breakers": [int(standing.breaker) for standing in standings],
        "failures": [standing.failures for standing in standings],
        "failing_since": [standing.failing_since for standing in standings],
        "last_failures": [standing.last_failure_at for standing in standings],
        "last_successes": [standing.last_success_at for standing in standings],
        "probes": [standing.probes for standing in standings],
        "in_flights": [standing.in_flight for standing in standings],
        "blocked_until": [standing.blocked_until for standing in standings],
        "throttled_until": [standing.throttled_until for standing in standings],
        "delivered": [saving.delivered for saving in savings],
        "failed": [saving.failed for saving in savings],
        "rests": [saving.rests for saving in savings],
    }
