"""How the receivers behind endpoints do: counters, the breaker, what is owed."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhook_endpoint import LaneFacts
from schemas.webhooks import Breaker

MOST_COUNTED: Final = 1_000

# What is owed is counted no further: a backlog of a million must not cost a million here.
_FACTS: Final = text("""
SELECT endpoint_id, breaker, failures, failing_since, last_failure_at, last_success_at,
  blocked_until, delivered, failed, (SELECT count(*) FROM (
    SELECT 1 FROM delivery d WHERE d.lane_id = l.id LIMIT :most) d) AS pending
FROM webhook_lane l
WHERE tenant_id = :tenant_id AND endpoint_id = ANY (CAST(:ids AS uuid[]))
""")


async def lanes_of_endpoints(
    connection: AsyncConnection, tenant_id: int, endpoint_ids: Sequence[UUID]
) -> dict[UUID, LaneFacts]:
    """Return how endpoints of one tenant do; one that was never sent to is missing."""
    values = {"tenant_id": tenant_id, "ids": list(endpoint_ids), "most": MOST_COUNTED}
    return {
        row.endpoint_id: LaneFacts(
            breaker=Breaker(row.breaker),
            failures=row.failures,
            failing_since=row.failing_since,
            last_failure_at=row.last_failure_at,
            last_success_at=row.last_success_at,
            blocked_until=row.blocked_until,
            delivered=row.delivered,
            failed=row.failed,
            pending=row.pending,
        )
        for row in await connection.execute(_FACTS, values)
    }
