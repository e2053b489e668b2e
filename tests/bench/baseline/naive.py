"""Measures N: what a competent team writes in a week, on the same servers and model."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import aiohttp
import psycopg
from psycopg import sql

from infra.embedded.addresses import LOOPBACK, claim_port
from infra.embedded.postgres import NAME, SUPERUSER, url_of_cluster
from tests.bench.baseline.settings import told
from tests.bench.cpu import CpuMeter, between
from tests.bench.lines import Child, running
from tests.bench.measured import Measured
from tests.bench.orders import LoadRun, Order
from tests.bench.stack import Stack, start_load

_NAME: Final = "genq_naive"
_DATABASE: Final = 2
_PROCESSES: Final = 4
_OUTSTANDING: Final = 64
_WARM_UP: Final = 200
_START_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Build:
    api: Child
    worker: Child
    load: Child


async def measure_naive(stack: Stack, seconds: float) -> Measured:
    """Keep jobs outstanding, as for genq itself."""
    found = Measured(
        f"N: the naive build, prefork {_PROCESSES}, 0 s model, {_OUTSTANDING} jobs "
        f"outstanding, {seconds:.0f} s"
    )
    await stack.model(0.0)
    async with _running(stack) as build:
        await _carry_out(build, Order("closed", jobs=_WARM_UP, outstanding=_OUTSTANDING))
        pids = {name: stack.facts["pids"][name] for name in ("postgres", "valkey", "simulator")}
        meter = CpuMeter(
            {
                **pids,
                "api": build.api.pid,
                "worker": build.worker.pid,
                "sink": stack.sink.pid,
                "load generator": build.load.pid,
            }
        )
        before = meter.read()
        order = Order("closed", seconds=seconds, outstanding=_OUTSTANDING)
        run = await _carry_out(build, order)
        usage = between(before, meter.read())
    ended = [job.arrived for job in run.jobs if job.arrived is not None]
    last = run.began + seconds
    rate = sum(run.began + 1 <= arrived <= last for arrived in ended) / (seconds - 1)
    found.add("jobs", "complete jobs", len(ended), digits=0)
    found.add("rate", "complete jobs per second", rate, "/s")
    found.add_cpu(usage, max(1, len(ended)))
    found.judge(run)
    return found


async def _carry_out(build: _Build, order: Order) -> LoadRun:
    return LoadRun.decode(await build.load.ask(order.encode(), order.seconds + 120.0))


@contextlib.asynccontextmanager
async def _running(stack: Stack) -> AsyncGenerator[_Build]:
    environment = _environment(stack)
    port = claim_port(LOOPBACK, 0)
    api = (
        *("-m", "uvicorn", "tests.bench.baseline.naive_api:app", "--port", str(port)),
        *("--log-level", "warning", "--no-access-log"),
    )
    worker = (
        *("-m", "celery", "-A", "tests.bench.baseline.naive_tasks", "worker"),
        *("-c", str(_PROCESSES), "-l", "WARNING"),
    )
    logs = stack.folder.logs.parent
    async with contextlib.AsyncExitStack() as closing:
        url = f"http://{LOOPBACK}:{port}"
        build = _Build(
            await closing.enter_async_context(
                running("api", api, environment=environment, errors=logs / "naive_api.log")
            ),
            await closing.enter_async_context(
                running("worker", worker, environment=environment, errors=logs / "naive.log")
            ),
            await start_load(
                closing, url=url, key="none", hook=stack.hook, follow=stack.follow
            ),
        )
        await _until_answers(stack.http, f"{url}/openapi.json")
        yield build


def _environment(stack: Stack) -> dict[str, str]:
    cluster = stack.folder.postgres
    with psycopg.connect(
        url_of_cluster(cluster, user=SUPERUSER, database="postgres"), autocommit=True
    ) as superuser:
        make = sql.SQL("CREATE DATABASE {} OWNER {}")
        superuser.execute(make.format(sql.Identifier(_NAME), sql.Identifier(NAME)))
    folder = stack.folder.root / "naive"
    folder.mkdir()
    database = url_of_cluster(cluster, database=_NAME)
    return told(
        database=database.replace("postgresql://", "postgresql+psycopg://"),
        broker=stack.settings["GENQ_BROKER_URL"].removesuffix("/0") + f"/{_DATABASE}",
        model=f"{stack.model_url}/v1",
        folder=str(folder),
        secret=stack.secret,
    )


async def _until_answers(http: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(_LOOK_SECONDS)
