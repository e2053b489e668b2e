"""What is measured of delivery: how much, how soon, beside whom, and after what."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from infra.clock import SystemClock
from infra.postgres.recoveries import insert_recovery
from schemas.ids import format_id
from schemas.webhook_recovery import Only
from tests.bench.cpu import between
from tests.bench.measured import Measured
from tests.bench.webhooks.rows import add_endpoints, attempts_of, miss
from tests.bench.webhooks.scene import HEALTHY, IN_FLIGHT, Scene

RATE: Final = 100.0
DEAD: Final = 30
HANGING: Final = 600
# One tenant alone could not fill so many places.
_DEAD_TENANTS: Final = 3
_DEAD_TIMEOUT: Final = 30.0
_DRAIN_SECONDS: Final = 60.0
_SEED: Final = 7


async def prepare(scene: Scene) -> None:
    """Register the healthy endpoints, and let every process warm up on them."""
    urls = [f"{scene.url}/e{n}" for n in range(HEALTHY)]
    made = await add_endpoints(
        scene.engine, scene.sealer, "bench", urls, max_in_flight=IN_FLIGHT
    )
    scene.healthy = [one.id for one in made]
    await scene.owe(scene.healthy, 10 * HEALTHY)
    await scene.drained(scene.healthy, _DRAIN_SECONDS)
    await scene.arrivals()


async def measure_bare(scene: Scene, seconds: float) -> Measured:
    """Post with a bare loop: the yardstick A."""
    found = Measured(f"A: a bare aiohttp loop, {HEALTHY * IN_FLIGHT} connections")
    told = await scene.post_bare(seconds)
    found.add("rate", "requests per second", told["rate"], "/s")
    found.add("cpu_ms", "CPU of the loop per request", told["cpu_ms"], "ms", digits=3)
    return found


async def measure_throughput(scene: Scene, title: str, count: int) -> Measured:
    """Drain a backlog; what counts is recorded and committed."""
    found = Measured(f"{title}: {count} deliveries to {HEALTHY} healthy endpoints")
    logged = await attempts_of(scene.engine, scene.healthy)
    await scene.arrivals()
    before = scene.meter.read()
    await scene.owe(scene.healthy, count)
    ended = await scene.drained(scene.healthy, _DRAIN_SECONDS)
    usage = between(before, scene.meter.read())
    came = await scene.arrivals()
    seconds = ended - min(at for _, at in came)
    found.add("rate", "recorded deliveries per second", count / seconds, "/s")
    found.cpu = {
        name: 1000 * used / count for name, used in usage.processes.items() if used > 0
    }
    found.cpu_unit = "ms per delivery, the putting in included"
    logged = await attempts_of(scene.engine, scene.healthy) - logged
    if logged != count or len({event for event, _ in came}) != count:
        found.faults.append(f"{count} owed, {len(came)} came, {logged} attempts in the log")
    return found


async def measure_latency(scene: Scene, title: str, seconds: float) -> Measured:
    """Commit events at a steady rate; how long until each one's first byte is there."""
    found = Measured(f"{title}: {RATE:.0f} events/s, commit to first byte")
    dice = random.Random(_SEED)
    await scene.arrivals()
    committed: dict[str, float] = {}

    async def one(endpoint: UUID) -> None:
        event, at = await scene.owe([endpoint], 1)
        committed[format_id("evt", event)] = at

    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(int(RATE * seconds)):
            await asyncio.sleep(max(0.0, began + number / RATE - loop.time()))
            group.create_task(one(dice.choice(scene.healthy)))
    await scene.drained(scene.healthy, _DRAIN_SECONDS)
    came: dict[str, float] = {}
    for event, at in await scene.arrivals():
        came.setdefault(event, at)
    waits = [came[event] - at for event, at in committed.items() if event in came]
    found.add_percentiles("first_byte", "commit to first byte", waits)
    found.add("first_byte_max", "commit to first byte, worst", 1000 * max(waits), "ms")
    if len(waits) < len(committed):
        found.faults.append(f"{len(committed) - len(waits)} events did not come")
    return found


async def hang(scene: Scene) -> tuple[list[UUID], int]:
    """Owe what will hang at endpoints that never answer; return them and how much hangs."""
    dead: list[UUID] = []
    for number in range(_DEAD_TENANTS):
        made = await add_endpoints(
            scene.engine,
            scene.sealer,
            f"dead{number}",
            [f"{scene.url}/hang{number}-{n}" for n in range(DEAD // _DEAD_TENANTS)],
            max_in_flight=HANGING // DEAD,
            timeout_s=_DEAD_TIMEOUT,
        )
        dead += [one.id for one in made]
    await scene.owe(dead, HANGING)
    seen = -1
    while (hanging := await scene.hanging()) > seen:
        seen = hanging
        await asyncio.sleep(1.0)
    return dead, hanging


async def forget(scene: Scene, endpoints: Sequence[UUID]) -> None:
    """Take back what is owed to dead endpoints."""
    async with scene.engine.begin() as connection:
        await connection.execute(
            text("DELETE FROM delivery WHERE endpoint_id = ANY(:endpoints)"),
            {"endpoints": list(endpoints)},
        )


async def measure_recovery(scene: Scene, events: int, seconds: float) -> Measured:
    """Recover many events to one endpoint while others live; how much later do those hear?"""
    [made] = await add_endpoints(
        scene.engine, scene.sealer, "past", [f"{scene.url}/e-past"], max_in_flight=IN_FLIGHT
    )
    for _ in range(0, events, 10_000):
        async with scene.engine.begin() as connection:
            await miss(connection, made.id, min(events, 10_000))
    async with scene.engine.begin() as connection:
        await connection.execute(text("ANALYZE outbox"))
    alone = await measure_latency(scene, "before", seconds)
    async with scene.engine.begin() as connection:
        await insert_recovery(
            connection,
            made.endpoint.tenant_id,
            made.id,
            since=SystemClock().now() - timedelta(days=1),
            until=None,
            only=Only.MISSING,
            sample=None,
        )
    beside = await measure_latency(scene, f"Recovery of {events} events beside", seconds)
    taken = await attempts_of(scene.engine, [made.id])
    for percent in (50, 99):
        name = f"first_byte_p{percent}"
        was, now = alone.figures[name].value, beside.figures[name].value
        beside.add(f"{name}_alone", f"  p{percent} without it", was, "ms")
        beside.add(f"{name}_effect", f"  p{percent} effect", 100 * (now / was - 1), "%")
    beside.add("recovered", "recovered meanwhile", taken / seconds, "/s")
    beside.faults += alone.faults
    if not taken:
        beside.faults.append("nothing was recovered meanwhile: there was nothing to be beside")
    return beside
