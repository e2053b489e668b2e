"""How fast a dispatcher releases from a short and from a long queue.

The dispatcher's own turns, on a database of its own in the same server, with a publisher that
publishes nowhere: what is compared is the ledger's part, which is the one that grows.
"""

import statistics
import time
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.broker import Carrier
from infra.clock import SystemClock
from infra.embedded.postgres import NAME, SUPERUSER, url_of_cluster
from infra.postgres.engine import create_engine
from infra.settings import Settings
from migrations import apply
from producer.dispatcher.turn import take_turn
from schemas.lanes import Lane
from tests.bench.measured import Measured
from tests.bench.stack import Stack

SHORT: Final = 10_000
LONG: Final = 1_000_000
_DATABASE: Final = "genq_release"
_TENANTS: Final = 50
_MOST_RELEASED: Final = 8_000
_LANE: Final = Lane.FAST.number
_PREPARE: Final = (
    """INSERT INTO flow (lane, tenant_id, max_inflight)
       SELECT {lane}, t, 1000000 FROM generate_series(1, {tenants}) t""",
    """INSERT INTO session (expires_at, host, pid, slots, lanes)
       VALUES (now() + interval '1 hour', 'bench', 1, 10000000, ARRAY[{lane}]::smallint[])""",
)
_QUEUE: Final = """
INSERT INTO live (job_id, lane, tenant_id, state, priority)
SELECT uuidv7(), {lane}, 1 + n % {tenants}, 2, 5 FROM generate_series(1, {jobs}) n
"""


async def measure_release(stack: Stack, *, long: int = LONG) -> Measured:
    """Release 8,000 jobs from each queue."""
    found = Measured(f"Release rate: {SHORT:,} queued against {long:,}, {_TENANTS} tenants")
    cluster = stack.folder.postgres
    with psycopg.connect(
        url_of_cluster(cluster, user=SUPERUSER, database="postgres"), autocommit=True
    ) as superuser:
        make = sql.SQL("CREATE DATABASE {} OWNER {}")
        superuser.execute(make.format(sql.Identifier(_DATABASE), sql.Identifier(NAME)))
    settings = _settings(stack, url_of_cluster(cluster, database=_DATABASE))
    engine = create_engine(settings, process="bench")
    try:
        await apply.upgrade(engine, SystemClock())
        rates: list[float] = []
        with psycopg.connect(settings.database_url.get_secret_value()) as connection:
            connection.autocommit = True
            for statement in _PREPARE:
                connection.execute(_fill(statement))
            for jobs in (SHORT, long):
                connection.execute(_fill(_QUEUE, jobs))
                connection.execute("VACUUM ANALYZE live")
                rates.append(await _release(engine, settings))
                connection.execute("DELETE FROM live WHERE state = 3")
    finally:
        await engine.dispose()
    found.add("short", f"released per second, {SHORT:,} queued", rates[0], "/s", digits=0)
    found.add("long", f"released per second, {long:,} queued", rates[1], "/s", digits=0)
    found.add("ratio", "long against short", rates[1] / rates[0], digits=2)
    return found


async def _release(engine: AsyncEngine, settings: Settings) -> float:
    """Return the jobs per second of the median turn."""
    released = 0
    rates: list[float] = []
    while released < _MOST_RELEASED:
        began = time.monotonic()
        turn = await take_turn(engine, settings, _nowhere)
        rates.append(turn.released / (time.monotonic() - began))
        released += turn.released
        if not turn.released:
            raise RuntimeError(f"the dispatcher released {released} jobs and then none")
    return statistics.median(rates)


async def _nowhere(carriers: Sequence[Carrier]) -> None:
    del carriers


def _settings(stack: Stack, url: str) -> Settings:
    told: dict[str, Any] = {
        "_env_file": None,
        "database_url": url,
        "broker_url": stack.settings["GENQ_BROKER_URL"],
        "object_store": stack.settings["GENQ_OBJECT_STORE"],
        "key_pepper": stack.settings["GENQ_KEY_PEPPER"],
        "release_ttl": 3600.0,
    }
    return Settings(**told)


def _fill(statement: str, jobs: int = 0) -> sql.Composed:
    return sql.SQL(statement).format(  # pyright: ignore[reportArgumentType] - our own constants
        lane=sql.Literal(_LANE), tenants=sql.Literal(_TENANTS), jobs=sql.Literal(jobs)
    )
