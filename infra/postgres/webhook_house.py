"""What is left of webhooks and nobody needs: found and forgotten, a bounded piece at a time."""

from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LARGEST_PIECE: Final = 1_000
_IDLE_LANE: Final = timedelta(days=7)
_OLD_RECOVERY: Final = timedelta(days=30)

_SECRETS: Final = text("""
DELETE FROM webhook_secret WHERE id = ANY(ARRAY(
  SELECT id FROM webhook_secret WHERE expires_at <= now() LIMIT :most FOR UPDATE SKIP LOCKED))
""")

# The lane of an endpoint is its counters as well, and goes with it.
_LANES: Final = text("""
DELETE FROM webhook_lane WHERE id = ANY(ARRAY(
  SELECT id FROM webhook_lane l
  WHERE next_due_at IS NULL AND (lease_until IS NULL OR lease_until < now() - :idle)
    AND COALESCE(GREATEST(last_success_at, last_failure_at), now() - :idle) <= now() - :idle
    AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.lane_id = l.id)
    AND NOT EXISTS (SELECT 1 FROM webhook_endpoint e
      WHERE e.tenant_id = l.tenant_id AND e.id = l.endpoint_id)
  LIMIT :most FOR UPDATE OF l SKIP LOCKED))
""")

_RECOVERIES: Final = text("""
DELETE FROM webhook_recovery WHERE id = ANY(ARRAY(
  SELECT id FROM webhook_recovery WHERE finished_at <= now() - :old
  LIMIT :most FOR UPDATE SKIP LOCKED))
""")


async def forget_expired_secrets(connection: AsyncConnection) -> int:
    """Delete keys whose overlap is over; returns how many."""
    return (await connection.execute(_SECRETS, {"most": LARGEST_PIECE})).rowcount


async def forget_idle_lanes(connection: AsyncConnection) -> int:
    """Delete lanes of URLs that came with jobs and were owed nothing for a week."""
    values = {"idle": _IDLE_LANE, "most": LARGEST_PIECE}
    return (await connection.execute(_LANES, values)).rowcount


async def forget_old_recoveries(connection: AsyncConnection) -> int:
    """Delete recoveries that ended a month ago."""
    values = {"old": _OLD_RECOVERY, "most": LARGEST_PIECE}
    return (await connection.execute(_RECOVERIES, values)).rowcount
