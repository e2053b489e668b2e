"""Flows fall asleep when they are empty and are woken by work; none sleeps on ready work."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement

FlowKey = tuple[int, int]
"""``(lane number, tenant id)``."""

_LOCK: Final = HotStatement("""
SELECT f.lane, f.tenant_id FROM flow f
JOIN unnest(CAST(:lanes AS smallint[]), CAST(:tenants AS bigint[])) AS k(lane, tenant_id)
  ON k.lane = f.lane AND k.tenant_id = f.tenant_id
WHERE f.active ORDER BY f.lane, f.tenant_id FOR UPDATE OF f SKIP LOCKED
""")

# A statement of its own: its snapshot begins after the locks are held, so it sees the work of
# every submitter that looked at the flow before.
_SLEEP: Final = text("""
UPDATE flow SET active = false, parked_until = NULL, park_reason = NULL, parked_pools = NULL,
  touched_at = now()
FROM unnest(CAST(:lanes AS smallint[]), CAST(:tenants AS bigint[])) AS k(lane, tenant_id)
WHERE flow.lane = k.lane AND flow.tenant_id = k.tenant_id AND NOT EXISTS (
  SELECT 1 FROM live l
  WHERE l.state = 2 AND l.lane = flow.lane AND l.tenant_id = flow.tenant_id)
""")

_WAKE: Final = HotStatement("""
WITH wanted AS MATERIALIZED (
  SELECT k.lane, k.tenant_id, EXISTS (
    SELECT 1 FROM live l WHERE l.state = 2 AND l.lane = k.lane AND l.tenant_id = k.tenant_id
      AND l.end_user_key > 0) AS shared
  FROM (SELECT DISTINCT lane, tenant_id
        FROM unnest(CAST(:lanes AS smallint[]), CAST(:tenants AS bigint[]))
          AS u(lane, tenant_id)) k),
awake AS MATERIALIZED (
  SELECT f.lane, f.tenant_id FROM flow f JOIN wanted w
    ON w.lane = f.lane AND w.tenant_id = f.tenant_id
  WHERE f.active AND f.park_reason IS DISTINCT FROM 3 AND (f.shared OR NOT w.shared)
  ORDER BY f.lane, f.tenant_id FOR KEY SHARE OF f)
INSERT INTO flow AS f (lane, tenant_id, weight, max_inflight, vtime, shared)
SELECT w.lane, w.tenant_id, t.weight, t.max_inflight, c.v, w.shared
FROM wanted w JOIN lane_clock c ON c.lane = w.lane JOIN tenant t ON t.id = w.tenant_id
WHERE NOT EXISTS (
  SELECT 1 FROM awake a WHERE a.lane = w.lane AND a.tenant_id = w.tenant_id)
ORDER BY w.lane, w.tenant_id
ON CONFLICT (lane, tenant_id) DO UPDATE SET active = true, touched_at = now(),
  weight = excluded.weight, max_inflight = excluded.max_inflight,
  shared = f.shared OR excluded.shared,
  vtime = CASE WHEN f.active THEN f.vtime ELSE GREATEST(f.vtime, excluded.vtime) END,
  parked_until = CASE WHEN f.park_reason = 3 THEN NULL ELSE f.parked_until END,
  parked_pools = NULL, park_reason = NULLIF(f.park_reason, 3)
""")

# Looks only at tenants with ready jobs; a loose index scan, since one tenant may have millions.
_SLEEPING: Final = text("""
WITH RECURSIVE k AS (
  (SELECT l.lane, l.tenant_id FROM live l WHERE l.state = 2
   ORDER BY l.lane, l.tenant_id LIMIT 1)
  UNION ALL
  SELECT n.lane, n.tenant_id FROM k, LATERAL (
    SELECT l.lane, l.tenant_id FROM live l
    WHERE l.state = 2 AND (l.lane, l.tenant_id) > (k.lane, k.tenant_id)
    ORDER BY l.lane, l.tenant_id LIMIT 1) n)
SELECT k.lane, k.tenant_id FROM k
WHERE NOT EXISTS (
  SELECT 1 FROM flow f WHERE f.lane = k.lane AND f.tenant_id = k.tenant_id AND f.active)
LIMIT 1000
""")

_FORGET: Final = text("""
WITH x AS (
  SELECT lane, tenant_id FROM flow WHERE NOT active AND touched_at < now() - :age
  LIMIT 1000 FOR UPDATE SKIP LOCKED)
DELETE FROM flow USING x WHERE flow.lane = x.lane AND flow.tenant_id = x.tenant_id
  AND NOT flow.active
""")


async def sleep_flows(connection: AsyncConnection, keys: Collection[FlowKey]) -> int:
    """Put those of the flows to sleep that have no ready job; return how many fell asleep."""
    if not keys:
        return 0
    locked = await _LOCK.run(connection, _arrays(keys))
    if not locked:
        return 0
    found = [(row.lane, row.tenant_id) for row in locked]
    return (await connection.execute(_SLEEP, _arrays(found))).rowcount


async def wake_flows(connection: AsyncConnection, keys: Collection[FlowKey]) -> None:
    """Make sure that the flows are awake: jobs of theirs became ready in this transaction."""
    if keys:
        await _WAKE.run(connection, _arrays(sorted(set(keys))))


async def wake_sleepers(connection: AsyncConnection) -> int:
    """Wake every flow that sleeps on ready work, and return how many did.

    The locks above exclude such flows; this audit is the proof, and its count must stay 0.
    """
    rows = (await connection.execute(_SLEEPING)).all()
    await wake_flows(connection, [(row.lane, row.tenant_id) for row in rows])
    return len(rows)


async def forget_idle_flows(connection: AsyncConnection, age: timedelta) -> int:
    """Delete flows that have slept for ``age``."""
    return (await connection.execute(_FORGET, {"age": age})).rowcount


def _arrays(keys: Collection[FlowKey]) -> dict[str, list[int]]:
    return {"lanes": [lane for lane, _ in keys], "tenants": [tenant for _, tenant in keys]}
