"""Measures C: empty Celery tasks per second, published and run at once, prefork 2."""

import asyncio
import time
from typing import Final

from redis.asyncio import Redis

from tests.bench.baseline.settings import told
from tests.bench.cpu import CpuMeter, between
from tests.bench.lines import running
from tests.bench.measured import Measured
from tests.bench.stack import Stack

_DATABASE: Final = 1
_QUEUE: Final = "celery"
_PROGRAM: Final = "tests.bench.baseline.empty_tasks"
_PROCESSES: Final = 2
_WARM_UP: Final = 200
_LOOK_SECONDS: Final = 0.01
_LONGEST: Final = 120.0


async def measure_celery(stack: Stack, tasks: int) -> Measured:
    """Publish and run empty tasks on the Valkey of a genq that is idle."""
    found = Measured(f"C: Celery alone, {tasks:,} empty tasks, prefork {_PROCESSES}")
    broker = stack.settings["GENQ_BROKER_URL"].removesuffix("/0") + f"/{_DATABASE}"
    environment = told(broker=broker)
    command = ("-m", "celery", "-A", _PROGRAM, "worker", "-c", str(_PROCESSES), "-l", "WARNING")
    log = stack.folder.logs.parent / "celery.log"
    async with (
        Redis.from_url(broker) as redis,
        running("celery worker", command, environment=environment, errors=log) as worker,
    ):
        await _publish(redis, environment, _WARM_UP)
        meter = CpuMeter({"worker": worker.pid, "valkey": stack.facts["pids"]["valkey"]})
        before, began = meter.read(), time.monotonic()
        published = await _publish(redis, environment, tasks)
        seconds = time.monotonic() - began
        usage = between(before, meter.read())
    found.add("rate", "empty tasks per second", tasks / seconds, "/s")
    found.add("publishing", "of the seconds, publishing", published, "s")
    found.add("seconds", "seconds in all", seconds, "s")
    found.cpu = {name: 1000 * used / tasks for name, used in usage.processes.items()}
    found.cpu_unit = "ms per task, without the publisher"
    return found


async def _publish(redis: Redis, environment: dict[str, str], tasks: int) -> float:
    """Publish tasks and wait until all have run; return the seconds that publishing took."""
    began = time.monotonic()
    command = ("-m", _PROGRAM, str(tasks))
    async with running("publisher", command, environment=environment) as publisher:
        await publisher.process.wait()
        published = time.monotonic() - began
        async with asyncio.timeout(_LONGEST):
            while await redis.llen(_QUEUE) or await redis.hlen("unacked"):  # noqa: ASYNC110 - a server says nothing by itself
                await asyncio.sleep(_LOOK_SECONDS)
    return published
