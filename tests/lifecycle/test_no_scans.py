"""No statement of the engine reads a whole table, however long the queue is."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.delivery_log import get_delivery, get_event, list_deliveries
from infra.postgres.feed import START, is_expired, newest_events, read_feed
from infra.postgres.job_moves import read_moves
from infra.postgres.list_jobs import count_jobs, list_jobs
from infra.postgres.read_jobs import get_jobs
from infra.postgres.recoveries import insert_recovery
from infra.postgres.recovery_walk import end_recovery, step_recovery, take_recovery
from infra.settings import Settings
from schemas.ids import format_id, parse_id
from schemas.job_filter import JobFilter
from schemas.lanes import Lane
from schemas.webhook_delivery import DeliveryFilter, DeliveryStatus
from schemas.webhook_recovery import Only
from tests.fixtures.harness import Harness

# Tables that grow with the load. The others have a row per lane, model, worker or schedule.
_LARGE: Final = (
    "live", "flow", "tenant", "job", "payload", "result", "attempt", "outbox", "delivery",
    "delivery_attempt",
)  # fmt: skip
_NOON: Final = "2026-01-01T12:00:00Z"
_FILTERS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"status": "queued"},
    {"status": ["failed", "running"]},
    {"lane": "fast", "kind": "image", "model": "test-image"},
    {"tag": "rare"},
    {"metadata": {"order": "7"}},
    {"end_user": "ann"},
    {"error_code": "model_timeout"},
    {"attempts_min": 3},
    {"created_after": _NOON},
    {"created_before": _NOON},
    {"schedule_id": format_id("sched", UUID(int=1))},
    {"batch_id": format_id("batch", UUID(int=1))},
)
_DELIVERIES: Final[tuple[dict[str, Any], ...]] = (
    {},
    *({"status": status} for status in DeliveryStatus),
    {"status": ("pending", "delivered")},
    {"event_type": "job.failed"},
    {"outcome": "timeout"},
    {"trigger": "manual"},
    {"created_before": _NOON},
    {"started_after": _NOON},
)
_CROWD: Final = """
INSERT INTO tenant (name, max_inflight, webhook_secret)
  SELECT 'crowd-' || n, 1000, 'whsec_MfKQ9r8GKYqrTwjU' FROM generate_series(1, 40000) n;
INSERT INTO job (id, tenant_id, lane, kind, priority, model, end_user)
  SELECT uuidv7(), t.id, 2, 1, 5, 'test-image', CASE WHEN n % 3 = 0 THEN 'user-' || n % 7 END
  FROM tenant t CROSS JOIN generate_series(1, 3) n;
INSERT INTO job (id, tenant_id, lane, kind, priority, model)
  SELECT uuidv7(), (SELECT min(id) FROM tenant), 2, 1, 5, 'test-image'
  FROM generate_series(1, 60000);
INSERT INTO payload (job_id, body) SELECT id, '{"input": {"prompt": "x"}}' FROM job;
INSERT INTO live (job_id, lane, tenant_id, state, priority, run_at, deadline, end_user_key)
  SELECT id, lane, tenant_id, CASE WHEN random() < 0.1 THEN 1 ELSE 2 END, priority,
    now() + interval '1 day', now() + interval '7 days', COALESCE(length(end_user), 0) FROM job;
INSERT INTO flow (lane, tenant_id, max_inflight, shared)
  SELECT DISTINCT lane, tenant_id, 1000, true FROM job;
INSERT INTO result (job_id, fence) SELECT uuidv7(), 1 FROM generate_series(1, 5000);
INSERT INTO attempt (job_id, fence, n, outcome)
  SELECT uuidv7(), 1, 1, 1 FROM generate_series(1, 5000);
INSERT INTO outbox (job_id, id, kind, type, body, tenant_id)
  SELECT uuidv7(), uuidv7(), 1, 'job.succeeded', '', n % 50 FROM generate_series(1, 5000) n;
INSERT INTO webhook_endpoint (id, tenant_id, name, url, origin, event_types)
  SELECT uuidv7(), min(id), '', 'https://a.example/', 'https://a.example', '{job.*}'
  FROM tenant;
WITH o AS (
  INSERT INTO outbox (job_id, id, kind, type, body, tenant_id)
  SELECT uuidv7(), uuidv7(), 1, 'job.succeeded', '{}', tenant_id
  FROM webhook_endpoint, generate_series(1, 5000) n RETURNING *),
d AS (
  INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, endpoint_id, rank)
  SELECT uuidv7(), o.id, o.job_id, o.tenant_id, e.url, e.origin, e.id, 0
  FROM o, webhook_endpoint e, generate_series(1, 2))
INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, duration_ms, tenant_id,
    endpoint_id, ended)
  SELECT o.id, uuidv7(), 1, 'success', 1, o.tenant_id, e.id, 1 FROM o, webhook_endpoint e;
ANALYZE
"""


def let_all_be_counted(url: str) -> None:
    """Have what was read before counted now: others count while they idle, or as they end.

    Whoever empties the tables before each test reads all of them, and may tell of it only ten
    seconds later.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        gone = connection.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    assert all(ended for (ended,) in gone)


def scans(url: str) -> Mapping[str, int]:
    """Whole readings of each large table so far, its partitions included."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT regexp_replace(relname, '_p[0-9]{8}$', ''), sum(seq_scan)"
            # Statements and a feed go through all weeks; nothing is shorter than to read one
            # that has not a single page yet.
            " FROM pg_stat_user_tables WHERE pg_relation_size(relid) > 0"
            " AND (relname !~ 'outbox|delivery' OR n_live_tup > 1000)"
            " GROUP BY 1"
        ).fetchall()
    return {name: int(count) for name, count in rows if name in _LARGE}


def live_a_day(genq: Harness) -> None:
    """Let the engine do everything that it does."""
    for lane in Lane:
        genq.submit(lane=lane, end_user="ann")
    late = genq.submit(run_at=3600.0)
    genq.submit(tenant="crowd-7", lane=Lane.FAST, priority=0)
    genq.release()
    for _ in range(4):
        genq.work_one()
    genq.claim_one()
    genq.silence_workers()
    genq.reap()
    genq.new_worker()
    genq.sql("UPDATE pool SET paused_at = now()")
    genq.turn()
    genq.sql("UPDATE pool SET paused_at = NULL")
    genq.sql("UPDATE live SET run_at = now() WHERE job_id = :id", id=parse_id("job", late))
    genq.sql("UPDATE live SET lease_until = now() - interval '1 s' WHERE state = 3")
    genq.sql("UPDATE flow SET parked_until = now() WHERE parked_until IS NOT NULL")
    genq.reap()
    genq.turn()
    genq.job(late)


def look_through(genq: Harness) -> None:
    """List the whale's jobs by every filter, alone and beside one with an index, and count."""
    whale = genq.sql("SELECT min(id) FROM tenant")[0][0]
    for one in _FILTERS:
        for other in ({}, {"tag": "rare"}):
            wanted = JobFilter.model_validate(one | other)
            genq.in_transaction(partial(_look, whale=whale, wanted=wanted))


async def _look(connection: AsyncConnection, *, whale: int, wanted: JobFilter) -> None:
    await list_jobs(connection, whale, wanted, limit=21)
    await count_jobs(connection, whale, wanted)


def follow(genq: Harness) -> None:
    """Read what those who watch jobs and events read."""
    job = parse_id("job", genq.submit())
    tenant = genq.tenant("acme").id
    genq.in_transaction(partial(_follow, job=(job, tenant)))


async def _follow(connection: AsyncConnection, *, job: tuple[UUID, int]) -> None:
    # More often than the driver takes to prepare a statement for any values.
    for _ in range(7):
        assert await read_moves(connection, [job])
        assert await get_jobs(connection, [job])
        await read_feed(connection, job[1], START, limit=100)
        await newest_events(connection, [job[1]])
        await is_expired(connection, job[1], START)


def look_back(genq: Harness) -> None:
    """Read what became of a tenant's webhooks, and send some again."""
    endpoint, whale = genq.sql("SELECT id, tenant_id FROM webhook_endpoint")[0]
    for one in _DELIVERIES:
        genq.in_transaction(
            partial(_list_deliveries, whale=whale, wanted=DeliveryFilter.model_validate(one))
        )
    for only in Only:
        genq.in_transaction(
            partial(
                insert_recovery,
                tenant_id=whale,
                endpoint_id=endpoint,
                since=datetime.fromisoformat(_NOON),
                until=None,
                only=only,
                sample=None,
            )
        )
        genq.in_transaction(_walk)


async def _list_deliveries(
    connection: AsyncConnection, *, whale: int, wanted: DeliveryFilter
) -> None:
    for found in await list_deliveries(connection, whale, wanted, limit=21):
        await get_delivery(connection, whale, found.id, attempts=5)
        await get_event(connection, whale, found.event_id)


async def _walk(connection: AsyncConnection) -> None:
    held = await take_recovery(connection)
    assert held is not None
    await step_recovery(connection, held)
    await end_recovery(connection, held, "enough")


def test_a_day_of_the_engine_reads_no_table_from_end_to_end(
    settings: Settings, database_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_CROWD.encode())
    let_all_be_counted(database_url)
    genq = Harness(settings, tmp_path / "objects")
    genq.tenant("acme")
    genq.sql("SELECT pg_stat_force_next_flush()")
    before = scans(database_url)

    live_a_day(genq)
    look_through(genq)
    follow(genq)
    look_back(genq)
    genq.close()

    after = scans(database_url)
    assert {name: after[name] - before[name] for name in after} == dict.fromkeys(after, 0)
