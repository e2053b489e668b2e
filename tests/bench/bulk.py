"""Bulk submits: a thousand jobs in one call, and what becomes of everybody else meanwhile."""

import asyncio
import time
from typing import Final

import orjson

from tests.bench.cpu import between
from tests.bench.measured import Measured
from tests.bench.orders import PROMPTS, SIZE
from tests.bench.stack import Stack

_JOBS: Final = 1_000
_WARM_UP: Final = 2
_PROBE_PAUSE: Final = 0.005
_STUCK_LATENCY: Final = 3600.0


async def measure_bulk(stack: Stack, calls: int) -> Measured:
    """Submit a thousand jobs at a time, one call after another; nothing runs."""
    found = Measured(f"Bulk submits: {calls} calls of {_JOBS} jobs, one after another")
    # What the worker takes never ends, so it takes no more than its slots.
    await stack.model(_STUCK_LATENCY)
    body = orjson.dumps({"jobs": [_job(n) for n in range(_JOBS)]})
    for _ in range(_WARM_UP):
        await _submit(stack, body, found)
    before = stack.meter.read()
    probes: list[float] = []
    probing = asyncio.create_task(_probe(stack, probes))
    times = [await _submit(stack, body, found) for _ in range(calls)]
    probing.cancel()
    usage = between(before, stack.meter.read())
    found.add_percentiles("call", f"{_JOBS} jobs to 202", times)
    found.add("rate", "durable submits per second", calls * _JOBS / sum(times), "/s", digits=0)
    found.add_percentiles("others", "another call of the process meanwhile", probes)
    found.add_cpu(usage, calls * _JOBS)
    found.notes.append(f"bodies of {len(body) / 1000:.0f} KB")
    return found


def _job(number: int) -> dict[str, object]:
    prompt = PROMPTS[number % len(PROMPTS)]
    wanted = {"prompt": prompt, "size": SIZE}
    return {"kind": "image", "input": wanted, "lane": "batch"}


async def _submit(stack: Stack, body: bytes, found: Measured) -> float:
    headers = {
        "authorization": f"Bearer {stack.facts['api_key']}",
        "content-type": "application/json",
    }
    began = time.monotonic()
    url = f"{stack.facts['url']}/v1/jobs/bulk"
    async with stack.http.post(url, data=body, headers=headers) as response:
        answer = await response.read()
    took = time.monotonic() - began
    if response.status != 202 or orjson.loads(answer)["accepted"] != _JOBS:
        found.faults.append(f"answered {response.status}: {answer[:200].decode()}")
    return took


async def _probe(stack: Stack, times: list[float]) -> None:
    """Ask the same process something trivial, again and again."""
    while True:
        began = time.monotonic()
        async with stack.http.get(f"{stack.facts['url']}/livez") as response:
            await response.read()
        times.append(time.monotonic() - began)
        await asyncio.sleep(_PROBE_PAUSE)
