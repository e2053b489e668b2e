"""Measurements with load on: saturation, a steady rate, calls in flight, submits alone."""

import asyncio
import os
from typing import Final

from tests.bench import ledger
from tests.bench.cpu import Usage, between
from tests.bench.loop_lag import late_at_most, read_buckets
from tests.bench.measured import Measured, percentile
from tests.bench.orders import PROMPTS, LoadRun, Order
from tests.bench.stack import SLOTS, Stack

OUTSTANDING: Final = 192
SUBMITTERS: Final = 32
_WARM_UP_JOBS: Final = 400
_RAMP_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.1
_BURST: Final = SLOTS + SLOTS // 20
_BURST_LATENCY: Final = 8.0
_STUCK_LATENCY: Final = 3600.0
_PNG: Final = b"\x89PNG\r\n\x1a\n"


async def warm_up(stack: Stack) -> None:
    """Let every process import, connect and cache what it will need."""
    await stack.draw_pictures()
    await stack.model(0.0)
    await stack.run(Order("closed", jobs=_WARM_UP_JOBS, outstanding=64))


async def measure_saturation(stack: Stack, seconds: float) -> Measured:
    """Keep a fixed number of jobs outstanding at 0 s model latency."""
    found = Measured(
        f"Saturation: 0 s model, {OUTSTANDING} jobs outstanding, {seconds:.0f} s, closed loop"
    )
    await stack.model(0.0)
    order = Order("closed", seconds=seconds, outstanding=OUTSTANDING)
    run, usage = await _metered(stack, order)
    first, last = run.began + _RAMP_SECONDS, run.began + seconds
    ended = [job.arrived for job in run.jobs if job.arrived is not None]
    rate = sum(first <= arrived <= last for arrived in ended) / (last - first)
    found.add("jobs", "complete jobs", len(ended), digits=0)
    found.add("rate", "complete jobs per second", rate, "/s")
    found.add_cpu(usage, max(1, len(ended)))
    free = (os.cpu_count() or 1) * 1000 / max(found.figures["cpu_ms"].value, 0.001)
    found.add("rate_alone", "  if all cores were ours (reckoned)", free, "/s", digits=0)
    found.add_percentiles(
        "latency",
        "submit to webhook",
        [job.arrived - job.sent for job in run.jobs if job.arrived is not None],
    )
    found.judge(run)
    found.faults += ledger.faults_of(stack.database_url, [job.job for job in run.jobs])
    size = await _picture_size(stack, run)
    found.notes.append(
        f"{len(PROMPTS)} prompts in turn, drawn beforehand: the simulator serves its cache; "
        f"one picture a job of {size / 1000:.0f} KB"
    )
    return found


async def measure_rate(
    stack: Stack, *, rate: float, seconds: float, latency: float
) -> Measured:
    """Submit at a steady rate whatever comes back, and see how much genq adds."""
    found = Measured(
        f"Steady: {rate:.0f} jobs/s for {seconds:.0f} s, {latency:g} s model, open loop"
    )
    await stack.model(latency)
    run, usage = await _metered(stack, Order("open", rate=rate, seconds=seconds))
    added = [job.arrived - job.sent - latency for job in run.jobs if job.arrived is not None]
    found.add("jobs", "jobs, all complete", len(run.jobs), digits=0)
    found.add_percentiles("added", "added latency", added)
    found.add("added_max", "added latency, worst", max(added, default=0.0) * 1000, "ms")
    found.add_percentiles("accepted", "submit to 202", [j.accepted - j.sent for j in run.jobs])
    found.add_cpu(usage, len(run.jobs))
    lag = percentile([job.sent - job.due for job in run.jobs], 99) * 1000
    found.add("lag_p99", "load generator behind its plan, p99", lag, "ms")
    found.judge(run)
    found.faults += ledger.faults_of(stack.database_url, [job.job for job in run.jobs])
    return found


async def measure_in_flight(stack: Stack) -> Measured:
    """Fill every slot of the one worker process with a call, and weigh the process."""
    found = Measured(
        f"Calls in flight: {_BURST} jobs at once, {SLOTS} slots, {_BURST_LATENCY:.0f} s model"
    )
    await stack.model(_BURST_LATENCY)
    before = stack.meter.resident_megabytes("work")
    looks = await read_buckets(stack.http, stack.metrics_port)
    watching = asyncio.create_task(_fill_slots(stack))
    try:
        run = await stack.run(Order("closed", jobs=_BURST, outstanding=_BURST))
    finally:
        watching.cancel()
    heaviest = await watching
    state = await stack.model_state()
    in_flight = int(state["calls"]["max_in_flight"])
    found.add("in_flight", "calls in flight at once, most", in_flight, digits=0)
    found.add("rss_before", "worker's resident memory before", before, "MB")
    found.add("rss", "worker's resident memory, most", max(before, heaviest), "MB")
    late = late_at_most(looks, await read_buckets(stack.http, stack.metrics_port), 99)
    found.add("loop_lag_p99", "worker's event loop late by at most, p99", 1000 * late, "ms")
    found.judge(run)
    found.notes.append(
        f"{_BURST_LATENCY:.0f} s, so that the first call still runs when the last one begins: "
        "at 2 s this would measure throughput"
    )
    return found


async def measure_submits(stack: Stack, seconds: float) -> Measured:
    """Submit as fast as 32 connections can; nothing runs, the jobs pile up. Comes last."""
    found = Measured(
        f"Durable submits: {SUBMITTERS} connections, one API process, {seconds:.0f} s"
    )
    # What the worker takes never ends, so it takes no more than its slots.
    await stack.model(_STUCK_LATENCY)
    await stack.run(Order("submit", seconds=2.0, outstanding=SUBMITTERS))
    order = Order("submit", seconds=seconds, outstanding=SUBMITTERS)
    run, usage = await _metered(stack, order)
    done = [job for job in run.jobs if not job.fault]
    found.add("jobs", "submits", len(done), digits=0)
    found.add("rate", "durable submits per second", len(done) / (run.stopped - run.began), "/s")
    found.add_percentiles(
        "accepted", "submit to 202", [job.accepted - job.sent for job in done]
    )
    found.add_cpu(usage, max(1, len(done)))
    found.faults += [job.fault for job in run.jobs if job.fault][:5]
    return found


async def _metered(stack: Stack, order: Order) -> tuple[LoadRun, Usage]:
    before = stack.meter.read()
    run = await stack.run(order)
    return run, between(before, stack.meter.read())


async def _fill_slots(stack: Stack) -> float:
    """Weigh the worker until cancelled; when all slots are busy, let the rest be quick."""
    heaviest = 0.0
    full = False
    try:
        while True:
            heaviest = max(heaviest, stack.meter.resident_megabytes("work"))
            busy = (await stack.model_state())["calls"]["in_flight"]
            if busy >= SLOTS and not full:
                full = True
                await stack.hurry_model()
            await asyncio.sleep(_LOOK_SECONDS)
    except asyncio.CancelledError:
        return heaviest


async def _picture_size(stack: Stack, run: LoadRun) -> float:
    """Fetch some of the pictures that were stored, and return how large they are."""
    sizes: list[int] = []
    for job in run.jobs[:: max(1, len(run.jobs) // len(PROMPTS))]:
        picture = await stack.artifact(job.job)
        if not picture.startswith(_PNG):
            raise RuntimeError(f"{job.job}: what was stored is no PNG")
        sizes.append(len(picture))
    return sum(sizes) / max(1, len(sizes))
