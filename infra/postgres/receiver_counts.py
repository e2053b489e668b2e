"""How the receivers of webhooks do, counted over all tenants: for metrics and operators."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhooks import Breaker, DisabledReason


class ReceiverState(StrEnum):
    """What is done about a receiver at the moment."""

    WELL = "well"
    FAILING = "failing"
    """The last attempt failed; it is tried as ever."""
    PAUSED = "paused"
    """It asked to wait."""
    OPEN = "open"
    """Its breaker is open: it is tried only by probes."""
    SLOW_START = "slow_start"
    """It is back, and gets more and more at once."""
    DISABLED = "disabled"
    """Its endpoint is disabled: it is not tried at all."""


@dataclass(frozen=True, slots=True)
class DownReceiver:
    """A receiver whose breaker is open.

    Attributes:
        waiting: Deliveries that wait for it; counted up to a thousand.
    """

    tenant: str
    origin: str
    failing_since: datetime | None
    waiting: int


@dataclass(frozen=True, slots=True)
class DownReceivers:
    """How many breakers are open, and those that are so for longest; disabled endpoints."""

    open: int
    longest: tuple[DownReceiver, ...]
    disabled: dict[str, int]


_STATES: Final = text("""
SELECT CASE WHEN e.disabled_at IS NOT NULL THEN 'disabled'
    WHEN l.breaker = :open THEN 'open'
    WHEN l.blocked_until > now() THEN 'paused'
    WHEN l.breaker = :slow_start THEN 'slow_start'
    WHEN l.failures > 0 THEN 'failing' ELSE 'well' END AS state, count(*) AS receivers
FROM webhook_lane l
LEFT JOIN webhook_endpoint e ON e.tenant_id = l.tenant_id AND e.id = l.endpoint_id
GROUP BY 1
""")

# Nobody can be told in one line of more than a few.
_SHOWN: Final = 3
_COUNTED: Final = 1_000
_DOWN: Final = text("""
SELECT t.name AS tenant, l.origin, l.failing_since, count(*) OVER () AS open, (
  SELECT count(*) FROM (
    SELECT 1 FROM delivery d WHERE d.lane_id = l.id LIMIT :counted) d) AS waiting
FROM webhook_lane l JOIN tenant t ON t.id = l.tenant_id
LEFT JOIN webhook_endpoint e ON e.tenant_id = l.tenant_id AND e.id = l.endpoint_id
WHERE l.breaker = :open AND e.disabled_at IS NULL
ORDER BY l.failing_since LIMIT :shown
""")
# What was disabled by hand was meant so.
_DISABLED: Final = text("""
SELECT disabled_reason AS reason, count(*) AS endpoints FROM webhook_endpoint
WHERE disabled_at IS NOT NULL AND disabled_reason = ANY(CAST(:reasons AS text[]))
GROUP BY 1 ORDER BY 1
""")


async def receiver_states(connection: AsyncConnection) -> dict[ReceiverState, int]:
    """Return how many receivers there are in each state; all states are there."""
    values = {"open": int(Breaker.OPEN), "slow_start": int(Breaker.SLOW_START)}
    found = {row.state: row.receivers for row in await connection.execute(_STATES, values)}
    return {state: found.get(state.value, 0) for state in ReceiverState}


async def down_receivers(connection: AsyncConnection) -> DownReceivers:
    """Return what an operator should know of receivers that do not take what is sent."""
    values = {"open": int(Breaker.OPEN), "shown": _SHOWN, "counted": _COUNTED}
    down = (await connection.execute(_DOWN, values)).all()
    reasons = [reason.value for reason in DisabledReason]
    disabled = await connection.execute(_DISABLED, {"reasons": reasons})
    return DownReceivers(
        open=down[0].open if down else 0,
        longest=tuple(
            DownReceiver(row.tenant, row.origin, row.failing_since, row.waiting) for row in down
        ),
        disabled={row.reason: row.endpoints for row in disabled},
    )
