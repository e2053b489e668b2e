"""What flows were charged for jobs that asked no model: given back when they are put back."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.flows import FlowKey
from infra.postgres.release import VTIME_SCALE
from schemas.claim import Claim
from schemas.cost import ORDINARY

# Locked in key order, as by everybody who locks several and waits. Dispatchers never wait.
_GIVE_BACK: Final = text("""
WITH k AS MATERIALIZED (
  SELECT f.lane, f.tenant_id, x.units FROM flow f
  JOIN unnest(CAST(:lanes AS smallint[]), CAST(:tenants AS bigint[]),
    CAST(:units AS bigint[])) AS x(lane, tenant_id, units)
    ON x.lane = f.lane AND x.tenant_id = f.tenant_id
  ORDER BY f.lane, f.tenant_id FOR NO KEY UPDATE OF f)
UPDATE flow SET vtime = GREATEST(flow.vtime - k.units * :scale / flow.weight, 0)
FROM k WHERE flow.lane = k.lane AND flow.tenant_id = k.tenant_id
""")


async def give_back(
    connection: AsyncConnection, claims: Sequence[Claim], *, besides: Collection[FlowKey]
) -> None:
    """Take back from flows what they were charged for jobs that did nothing.

    Args:
        connection: The transaction that put the jobs back.
        claims: The attempts that ended.
        besides: Flows that this transaction locks next; all are locked in one order.
    """
    if not claims:
        return
    units: Counter[FlowKey] = Counter(dict.fromkeys(besides, 0))
    for claim in claims:
        units[claim.lane.number, claim.tenant_id] += claim.cost.units
    await connection.execute(
        _GIVE_BACK,
        {
            "lanes": [lane for lane, _ in units],
            "tenants": [tenant_id for _, tenant_id in units],
            "units": list(units.values()),
            "scale": VTIME_SCALE // ORDINARY,
        },
    )
