"""How long fifty small tenants wait beside a whale with a hundred thousand jobs."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine, single_statements, transaction
from infra.postgres.tenants import Tenant, ensure_tenant
from infra.settings import Settings
from producer.submit import Submitter
from schemas.generation import Kind
from schemas.job import JobRequest
from schemas.lanes import Lane
from tests.bench.measured import Measured, percentile
from tests.bench.orders import SIZE
from tests.bench.stack import Stack

WHALE: Final = 100_000
SMALL: Final = 50
# The stack caps this lane, so that its slots are what everybody waits for.
LANE: Final = Lane.RELAX
# Calls of one length that begin together end together: slots would fall free in waves.
_LATENCY: Final = 1.0
_JITTER: Final = 0.7
_RAMP_SECONDS: Final = 4.0
# Without a seed: one job is not answered by another.
_INPUT: Final = {"prompt": "a red kite over the sea", "size": SIZE}
_QUEUE: Final = """
WITH n AS MATERIALIZED (SELECT uuidv7() AS id FROM generate_series(1, %(jobs)s)),
j AS (INSERT INTO job (id, tenant_id, lane, kind, pool, priority, model)
  SELECT n.id, %(tenant)s, %(lane)s, 1, pool.id, 5, pool.model FROM n, pool
  WHERE pool.model = 'sim-image-1'),
p AS (INSERT INTO payload (job_id, body) SELECT id, CAST(%(body)s AS jsonb) FROM n)
INSERT INTO live (job_id, lane, tenant_id, pool, state, priority)
SELECT n.id, %(lane)s, %(tenant)s, pool.id, 2, 5 FROM n, pool WHERE pool.model = 'sim-image-1'
"""
_FLOW: Final = """
INSERT INTO flow (lane, tenant_id, max_inflight, vtime)
SELECT %(lane)s, %(tenant)s, 100000, v FROM lane_clock WHERE lane = %(lane)s
ON CONFLICT (lane, tenant_id) DO UPDATE SET active = true
"""
_WAITS: Final = """
SELECT EXTRACT(epoch FROM COALESCE(j.started_at, l.started_at) - j.created_at)
FROM job j LEFT JOIN live l ON l.job_id = j.id WHERE j.id = ANY(%s)
"""
_STOP: Final = "DELETE FROM live WHERE tenant_id = %s AND state = 2"


async def measure_whale(stack: Stack, seconds: float) -> Measured:
    """Submit one job per second and small tenant, without and with the whale."""
    found = Measured(
        f"Whale: {SMALL} tenants with a job per second each for {seconds:.0f} s, alone and"
        f" beside one with {WHALE:,} queued; {_LATENCY:g} +- {_JITTER:g} s model"
    )
    await stack.model(_LATENCY, jitter=_JITTER)
    settings = _settings(stack)
    engine = create_engine(settings, process="bench")
    try:
        async with Doorbells(settings.doorbell_url()) as doorbells:
            submitter = Submitter(single_statements(engine), settings, doorbells)
            alone, beside = await _both(stack, engine, submitter, seconds)
            await submitter.close()
    finally:
        await engine.dispose()
        await stack.hurry_model()
    found.add_percentiles("alone", "wait for a slot, alone", alone)
    found.add_percentiles("beside", "wait for a slot, beside the whale", beside)
    allowed = 2 * percentile(alone, 99) + 0.1
    found.add("allowed", "  allowed at p99: twice alone + 100 ms", 1000 * allowed, "ms")
    missing = SMALL * int(seconds) - len(beside)
    if missing:
        found.faults.append(f"{missing} small jobs never started")
    return found


async def _both(
    stack: Stack, engine: AsyncEngine, submitter: Submitter, seconds: float
) -> tuple[list[float], list[float]]:
    tenants = [await _tenant(engine, f"small-{n}") for n in range(SMALL)]
    alone = await _waits(stack, submitter, tenants, seconds)
    whale = await _tenant(engine, "whale")
    for statement in (_QUEUE, _FLOW):
        _sql(stack, statement, _whale_values(whale))
    await asyncio.sleep(_RAMP_SECONDS)
    beside = await _waits(stack, submitter, tenants, seconds)
    _sql(stack, _STOP, (whale.id,))
    return alone, beside


async def _waits(
    stack: Stack, submitter: Submitter, tenants: Sequence[Tenant], seconds: float
) -> list[float]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    jobs: list[UUID] = []

    async def one(tenant: Tenant, at: float) -> None:
        await asyncio.sleep(max(0.0, at - loop.time()))
        request = JobRequest(kind=Kind.IMAGE, input=dict(_INPUT), lane=LANE)
        jobs.append((await submitter.submit(tenant, request)).job.id)

    await asyncio.gather(
        *(
            one(tenant, began + second + place / len(tenants))
            for second in range(int(seconds))
            for place, tenant in enumerate(tenants)
        )
    )
    # Those submitted last have had time to start, or they waited too long.
    await asyncio.sleep(3.0)
    rows = _sql(stack, _WAITS, (jobs,))
    return [float(row[0]) for row in rows if row[0] is not None]


def _whale_values(whale: Tenant) -> dict[str, Any]:
    body = '{"input": {"prompt": "a red kite over the sea", "size": "%s"}}'
    return {
        "jobs": WHALE,
        "tenant": whale.id,
        "lane": LANE.number,
        "body": body % SIZE,
    }


async def _tenant(engine: AsyncEngine, name: str) -> Tenant:
    async with transaction(engine) as connection:
        return await ensure_tenant(
            connection, name, max_inflight=100_000, webhook_secret="whsec_MfKQ9r8GKYqrTwjUPD8I"
        )


def _sql(stack: Stack, statement: str, values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def _settings(stack: Stack) -> Settings:
    names = ("database_url", "broker_url", "object_store", "key_pepper")
    told: dict[str, Any] = {name: stack.settings[f"GENQ_{name.upper()}"] for name in names}
    told["model_servers"] = orjson.loads(stack.settings["GENQ_MODEL_SERVERS"])
    told["_env_file"] = None
    return Settings(**told)
