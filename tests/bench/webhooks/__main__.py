"""``python -P -m tests.bench.webhooks``: delivery against a bare loop, ratios inside one run.

Exit codes: 0 measured, 1 a promise was broken or something did not run, 2 the budget is missed.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import aiohttp
import psycopg

from tests.bench.budget import Verdict
from tests.bench.cpu import between
from tests.bench.machine import describe_machine
from tests.bench.measured import Measured
from tests.bench.report import show_about, show_budget, show_measured
from tests.bench.webhooks.budget import judge
from tests.bench.webhooks.measures import (
    DEAD,
    HANGING,
    forget,
    hang,
    measure_bare,
    measure_latency,
    measure_recovery,
    measure_throughput,
    prepare,
)
from tests.bench.webhooks.outage import measure_outage
from tests.bench.webhooks.scene import Scene, running_scene
from tests.bench.yardstick import middle, yardstick

Results = dict[str, Measured]

_FAILED: Final = 1
_MISSED: Final = 2
_PARTS: Final = ("throughput", "latency", "dead", "recovery", "outage")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and print it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -P -m tests.bench.webhooks", description=__doc__
    )
    parser.add_argument("--quick", action="store_true", help="one minute instead of five")
    parser.add_argument("--only", action="append", choices=_PARTS, help="may be repeated")
    return asyncio.run(_bench(parser.parse_args(arguments)))


async def _bench(asked: argparse.Namespace) -> int:
    _print(show_about(await describe_machine()))
    results: Results = {}
    failure = ""
    wanted: set[str] = set(asked.only or _PARTS)
    try:
        if wanted - {"outage"}:
            async with running_scene() as scene:
                await prepare(scene)
                await _measure(scene, results, wanted, quick=asked.quick)
        if "outage" in wanted:
            found = await measure_outage(10_000 if asked.quick else 100_000)
            results["outage"] = found
            _print(show_measured("outage", found))
    except (RuntimeError, psycopg.Error, aiohttp.ClientError) as error:
        failure = f"{type(error).__name__}: {error}"
    verdicts = judge(results)
    _print(show_budget(verdicts))
    _print(f"\nload average after: {' '.join(f'{value:.2f}' for value in os.getloadavg())}")
    broken = [name for name, found in results.items() if found.faults]
    if failure or broken:
        _print(f"\nFAILED: {failure or 'promises were broken in ' + ', '.join(broken)}")
        return _FAILED
    return _MISSED if _any_missed(verdicts) else 0


def _any_missed(verdicts: Sequence[Verdict]) -> bool:
    return any(verdict.met is False for verdict in verdicts)


async def _measure(scene: Scene, results: Results, wanted: set[str], *, quick: bool) -> None:
    async def take(name: str, measure: Callable[[], Awaitable[Measured]]) -> None:
        before = scene.meter.read()
        async with yardstick() as times:
            found = await measure()
        found.note_surroundings(between(before, scene.meter.read()), middle(times))
        results[name] = found
        _print(show_measured(name, found))

    seconds = 6.0 if quick else 20.0
    count = 6_400 if quick else 32_000
    if wanted & {"throughput", "dead"}:
        # Before and behind what is compared with it: the machine is shared.
        await take("bare", lambda: measure_bare(scene, seconds / 2))
        await take("healthy", lambda: measure_throughput(scene, "Healthy", count))
        await take("bare_again", lambda: measure_bare(scene, seconds / 2))
    if wanted & {"latency", "dead"}:
        await take("latency", lambda: measure_latency(scene, "Alone", seconds))
    if "dead" in wanted:
        dead, hanging = await hang(scene)
        _print(f"\n{HANGING} deliveries to {DEAD} dead endpoints: {hanging} hang at once")
        await take("beside", lambda: measure_throughput(scene, "Beside the dead", count))
        await take("latency_beside", lambda: measure_latency(scene, "Beside", seconds))
        await forget(scene, dead)
    if "recovery" in wanted:
        events = 50_000 if quick else 1_000_000
        await take("recovery", lambda: measure_recovery(scene, events, seconds))


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
