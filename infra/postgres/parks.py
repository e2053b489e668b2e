"""Flows that wait: at a limit, for a model, or by an operator's wish. No wait is endless."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.lanes import Lane

PARKED_FULL: Final = 1
"""As many jobs are in flight as the tenant may have."""
PARKED_RATE: Final = 2
"""The tenant's plan allows no more for now."""
PARKED_POOL: Final = 3
"""All its ready jobs are of models that take no more for now, or are paused."""
PARKED_PAUSED: Final = 4
"""An operator holds the tenant back."""

FULL_PARK: Final = timedelta(seconds=1)
"""A flow at its limit is looked at again after this, should the finisher's unpark be missed."""
LONGEST_PARK: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Park:
    """A flow of the lane that is to wait for ``seconds``, and why."""

    tenant_id: int
    reason: int
    seconds: float


_PARK: Final = text("""
UPDATE flow SET parked_until = now() + x.seconds * interval '1 second', park_reason = x.reason
FROM unnest(CAST(:tenants AS bigint[]), CAST(:reasons AS smallint[]),
            CAST(:seconds AS float8[])) AS x(tenant_id, reason, seconds)
WHERE flow.lane = :lane AND flow.tenant_id = x.tenant_id AND flow.parked_until IS NULL
""")

# As when a flow is put to sleep: the lock shuts out submitters that look at the flow, and the
# second statement sees the work of those that had looked before. Otherwise a job for an open
# pool, submitted meanwhile, would be parked with the rest.
_SHUT_OUT: Final = text("""
SELECT tenant_id FROM flow
WHERE lane = :lane AND tenant_id = ANY (CAST(:tenants AS bigint[]))
ORDER BY tenant_id FOR UPDATE SKIP LOCKED
""")
_PARK_FOR_POOLS: Final = text("""
UPDATE flow SET parked_until = now() + :seconds * interval '1 second', park_reason = 3,
  parked_pools = CAST(:closed AS smallint[])
WHERE lane = :lane AND tenant_id = ANY (CAST(:tenants AS bigint[])) AND parked_until IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM live l WHERE l.state = 2 AND l.lane = flow.lane
      AND l.tenant_id = flow.tenant_id AND l.pool = ANY (CAST(:open AS smallint[])))
""")

_UNPARK: Final = text("""
WITH x AS (
  SELECT lane, tenant_id FROM flow WHERE parked_until <= now()
  ORDER BY parked_until LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
UPDATE flow SET parked_until = NULL, park_reason = NULL, parked_pools = NULL FROM x
WHERE flow.lane = x.lane AND flow.tenant_id = x.tenant_id
""")


async def park_flows(connection: AsyncConnection, lane: Lane, parks: Collection[Park]) -> None:
    """Take flows, locked by this transaction, out of the rotation of their lane for a while."""
    if not parks:
        return
    longest = LONGEST_PARK.total_seconds()
    await connection.execute(
        _PARK,
        {
            "lane": lane.number,
            "tenants": [park.tenant_id for park in parks],
            "reasons": [park.reason for park in parks],
            "seconds": [max(0.0, min(park.seconds, longest)) for park in parks],
        },
    )


async def park_for_pools(
    connection: AsyncConnection,
    lane: Lane,
    tenants: Collection[int],
    *,
    closed: Mapping[int, float],
    open_pools: Collection[int],
) -> None:
    """Park flows, locked by this transaction, whose jobs are all of closed pools.

    Args:
        connection: The transaction.
        lane: Of the flows.
        tenants: Of the flows.
        closed: Pools that take nothing, and for how many seconds.
        open_pools: All others.
    """
    if not tenants:
        return
    named = {"lane": lane.number, "tenants": list(tenants)}
    alone = [row.tenant_id for row in await connection.execute(_SHUT_OUT, named)]
    seconds = min(*closed.values(), LONGEST_PARK.total_seconds())
    await connection.execute(
        _PARK_FOR_POOLS,
        {
            "lane": lane.number,
            "tenants": alone,
            "seconds": max(0.0, seconds),
            "closed": list(closed),
            "open": list(open_pools),
        },
    )


async def unpark_flows(connection: AsyncConnection) -> int:
    """Return flows whose park is over to the rotation, and how many these were."""
    return (await connection.execute(_UNPARK)).rowcount
