"""Flights that nobody ended, and waits that nobody ended: found by dispatchers."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# One dispatcher at a time; the others have nothing to do then.
_ALONE: Final = text("SELECT pg_try_advisory_xact_lock(CAST(:lock AS bigint))")
_WAKING: Final = 0x67656E71_00000009

# Keys are walked by the index, however many wait for each. Of a flight whose attempt is over
# nobody tells those who wait; the first of them asks now, and what he makes is for the others.
_WAKE_LEFT: Final = text("""
WITH RECURSIVE every(tenant_id, key) AS (
  (SELECT w.tenant_id, w.key FROM flight_waiter w ORDER BY w.tenant_id, w.key LIMIT 1)
  UNION ALL
  SELECT n.tenant_id, n.key FROM every e CROSS JOIN LATERAL (
    SELECT w.tenant_id, w.key FROM flight_waiter w
    WHERE (w.tenant_id, w.key) > (e.tenant_id, e.key)
    ORDER BY w.tenant_id, w.key LIMIT 1) n),
k AS MATERIALIZED (
  SELECT e.tenant_id, e.key FROM every e WHERE NOT EXISTS (
    SELECT 1 FROM flight f JOIN live l
      ON l.job_id = f.job_id AND l.fence = f.fence AND l.state = 4
    WHERE f.tenant_id = e.tenant_id AND f.key = e.key AND f.until >= now())
  LIMIT :batch),
w AS MATERIALIZED (
  SELECT w.job_id FROM k CROSS JOIN LATERAL (
    SELECT l.job_id FROM flight_waiter w
    JOIN live l ON l.job_id = w.job_id AND l.fence = w.fence AND l.state = 1
    WHERE w.tenant_id = k.tenant_id AND w.key = k.key
    ORDER BY l.lane, l.priority, l.job_id LIMIT 1 FOR NO KEY UPDATE OF l SKIP LOCKED) w),
d AS (
  DELETE FROM flight_waiter v USING w WHERE v.job_id = w.job_id)
UPDATE live SET run_at = LEAST(run_at, now()) FROM w WHERE live.job_id = w.job_id
""")

_STALE_WAITERS: Final = text("""
DELETE FROM flight_waiter WHERE ctid = ANY (ARRAY(
  SELECT w.ctid FROM flight_waiter w WHERE NOT EXISTS (
    SELECT 1 FROM live l WHERE l.job_id = w.job_id AND l.fence = w.fence AND l.state = 1)
  LIMIT :batch FOR UPDATE OF w SKIP LOCKED))
""")
_STALE_FLIGHTS: Final = text("""
DELETE FROM flight WHERE ctid = ANY (ARRAY(
  SELECT f.ctid FROM flight f WHERE f.until < now() AND NOT EXISTS (
    SELECT 1 FROM live l WHERE l.job_id = f.job_id AND l.fence = f.fence AND l.state = 4)
  LIMIT :batch FOR UPDATE OF f SKIP LOCKED))
""")


async def wake_left(connection: AsyncConnection, *, batch: int) -> int:
    """Let the first go on of those who wait for a flight that is over; return how many did."""
    alone = await connection.execute(_ALONE, {"lock": _WAKING})
    if not alone.scalar_one():
        return 0
    return (await connection.execute(_WAKE_LEFT, {"batch": batch})).rowcount


async def forget_stale(connection: AsyncConnection, *, batch: int) -> int:
    """Forget some waits and flights that are over; return how many."""
    waits = await connection.execute(_STALE_WAITERS, {"batch": batch})
    flights = await connection.execute(_STALE_FLIGHTS, {"batch": batch})
    return waits.rowcount + flights.rowcount
