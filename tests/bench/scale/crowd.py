"""The crowd: tenants without end, most of them idle, many with work, one with a mountain."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.engine import single_statements, transaction
from schemas.lanes import Lane

LANE: Final = Lane.FAST

_TENANTS: Final = text("""
INSERT INTO tenant (name, max_inflight, webhook_secret)
SELECT 'tenant-' || n, 1000000, 'whsec_MfKQ9r8GKYqrTwjU' FROM generate_series(1, :tenants) n
""")
_POOL: Final = text("INSERT INTO pool (model) VALUES ('scale') RETURNING id")
_SESSION: Final = text("""
INSERT INTO session (expires_at, host, pid, slots, lanes)
VALUES (now() + interval '1 day', 'scale', 1, :slots, CAST(ARRAY[:lane] AS smallint[]))
""")
# The ledger rows belong to it: a submit and a look at a job meet tables of their real size.
_JOBS: Final = text("""
WITH n AS MATERIALIZED (
  SELECT uuidv7() AS id, CAST(:first + s % :tenants AS bigint) AS tenant_id
  FROM generate_series(1, :jobs) s),
j AS (
  INSERT INTO job (id, tenant_id, lane, kind, pool, priority, model)
  SELECT id, tenant_id, :lane, 1, :pool, 5, 'scale' FROM n),
p AS (
  INSERT INTO payload (job_id, body)
  SELECT id, '{"input": {"prompt": "a red kite over the sea"}}' FROM n),
l AS (
  INSERT INTO live (job_id, lane, tenant_id, pool, state, priority, deadline)
  SELECT id, :lane, tenant_id, :pool, 2, 5, now() + interval '7 days' FROM n)
INSERT INTO flow (lane, tenant_id, max_inflight)
SELECT DISTINCT CAST(:lane AS smallint), tenant_id, 1000000 FROM n
ON CONFLICT (lane, tenant_id) DO UPDATE SET active = true
""")
_CHUNK: Final = 100_000


async def add_tenants(engine: AsyncEngine, tenants: int, *, slots: int) -> int:
    """Register tenants, one pool and one worker; return the pool."""
    async with transaction(engine) as connection:
        await connection.execute(_TENANTS, {"tenants": tenants})
        await connection.execute(_SESSION, {"slots": slots, "lane": LANE.number})
        return (await connection.execute(_POOL)).scalar_one()


async def add_jobs(
    engine: AsyncEngine, jobs: int, *, pool: int, first: int, tenants: int
) -> None:
    """Queue jobs, spread evenly over ``tenants`` tenants from number ``first`` on."""
    done = 0
    while done < jobs:
        lot = min(_CHUNK, jobs - done)
        async with transaction(engine) as connection:
            await connection.execute(
                _JOBS,
                {
                    "jobs": lot,
                    "pool": pool,
                    "lane": LANE.number,
                    "first": first + done % tenants,
                    "tenants": min(tenants, lot),
                },
            )
        done += lot


async def settle(engine: AsyncEngine) -> None:
    """Let PostgreSQL do now what autovacuum would do within minutes."""
    async with transaction(single_statements(engine)) as connection:
        await connection.execute(text("VACUUM (ANALYZE) live, flow, tenant, job, payload"))


async def end_released(connection: AsyncConnection) -> int:
    """End what was released, as finished jobs leave the hot table; return how many."""
    return (await connection.execute(text("DELETE FROM live WHERE state = 3"))).rowcount


async def table_sizes(engine: AsyncEngine) -> dict[str, int]:
    """Return bytes per table, indexes and partitions included."""
    async with transaction(engine) as connection:
        rows = await connection.execute(
            text("""
            SELECT n.name, GREATEST(pg_total_relation_size(CAST(n.name AS regclass)),
              (SELECT sum(pg_total_relation_size(i.relid))
               FROM pg_partition_tree(CAST(n.name AS regclass)) i)) AS bytes
            FROM unnest(ARRAY['tenant', 'flow', 'live', 'job', 'payload']) AS n(name)
            """)
        )
        return {row.name: int(row.bytes) for row in rows}
