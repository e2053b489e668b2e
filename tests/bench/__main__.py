"""``python -P -m tests.bench``: a complete genq, measured and held against its budget.

Exit codes: 0 measured, 1 a job was lost, doubled or failed, or something did not run.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import aiohttp
import psycopg

from tests.bench.at_rest import measure_idle_cpu, measure_idle_latency
from tests.bench.baseline.celery_alone import measure_celery
from tests.bench.baseline.naive import measure_naive
from tests.bench.budget import judge
from tests.bench.bulk import measure_bulk
from tests.bench.cpu import between
from tests.bench.engine.alone import measure_engine
from tests.bench.machine import describe_machine
from tests.bench.measured import Measured
from tests.bench.profiling import profiled
from tests.bench.release_rate import measure_release
from tests.bench.report import as_json, show_about, show_budget, show_measured, show_ratios
from tests.bench.stack import Stack, running_stack
from tests.bench.under_load import (
    measure_in_flight,
    measure_rate,
    measure_saturation,
    measure_submits,
    warm_up,
)
from tests.bench.watchers import measure_watchers
from tests.bench.whale import measure_whale
from tests.bench.yardstick import middle, yardstick

Results = dict[str, Measured]
Measure = Callable[[Stack, Results, argparse.Namespace], Awaitable[Measured]]

_FAILED: Final = 1
_INTERRUPTED: Final = 130
_STEADY_RATE: Final = 174.0
_QUICK_QUEUE: Final = 200_000
_WATCHERS: Final = 500
_BASELINES: Final = ("celery", "naive")


async def _saturation(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    seconds = 6.0 if asked.quick else 20.0
    async with profiled(asked.profile, stack, seconds):
        return await measure_saturation(stack, seconds)


async def _half(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    rate = results["saturation"].figures["rate"].value / 2
    seconds = 8.0 if asked.quick else 20.0
    return await measure_rate(stack, rate=max(1.0, rate), seconds=seconds, latency=0.0)


async def _ten(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    return await measure_rate(stack, rate=10, seconds=10 if asked.quick else 30, latency=0.0)


async def _sustained(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    seconds = 10.0 if asked.quick else 60.0
    return await measure_rate(stack, rate=_STEADY_RATE, seconds=seconds, latency=2.0)


async def _idle(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    # Some pauses let the tenant's flow fall asleep, some do not.
    pauses = (0.02, 0.15) if asked.quick else (0.02, 0.5)
    return await measure_idle_latency(stack, jobs=100, pauses=pauses)


async def _idle_cpu(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results, asked
    return await measure_idle_cpu(stack, 10.0)


async def _in_flight(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results, asked
    return await measure_in_flight(stack)


async def _release(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    return await measure_release(stack, long=_QUICK_QUEUE if asked.quick else 1_000_000)


async def _submits(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    return await measure_submits(stack, 5.0 if asked.quick else 10.0)


async def _bulk(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    return await measure_bulk(stack, 10 if asked.quick else 20)


async def _engine(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    return await measure_engine(stack, 6_000 if asked.quick else 20_000)


async def _whale(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    return await measure_whale(stack, 10.0 if asked.quick else 20.0)


async def _watchers(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results, asked
    return await measure_watchers(stack, clients=_WATCHERS, rate=50.0)


async def _celery(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    return await measure_celery(stack, tasks=5_000 if asked.quick else 15_000)


async def _naive(stack: Stack, results: Results, asked: argparse.Namespace) -> Measured:
    del results
    return await measure_naive(stack, 8.0 if asked.quick else 20.0)


# In this order: what leaves jobs or a heavier ledger behind comes last.
MEASUREMENTS: Final[dict[str, Measure]] = {
    "idle": _idle,
    "idle_cpu": _idle_cpu,
    "ten": _ten,
    "saturation": _saturation,
    "half": _half,
    "sustained": _sustained,
    "in_flight": _in_flight,
    "watchers": _watchers,
    "celery": _celery,
    "naive": _naive,
    "whale": _whale,
    "release": _release,
    "submits": _submits,
    "bulk": _bulk,
    "engine": _engine,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for and print it; return the exit code."""
    asked = _parse(arguments)
    try:
        return asyncio.run(_bench(asked))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("bench: interrupted; everything was stopped and removed\n")
        return _INTERRUPTED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -P -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten")
    parser.add_argument(
        "--only", action="append", choices=list(MEASUREMENTS), help="this one; may be repeated"
    )
    parser.add_argument("--baselines", action="store_true", help="the reference builds as well")
    parser.add_argument("--json", type=Path, help="write the numbers there, too")
    parser.add_argument("--profile", help="a process to watch with py-spy during saturation")
    return parser.parse_args(arguments)


def _chosen(asked: argparse.Namespace) -> list[str]:
    if not asked.only:
        left_out = () if asked.baselines else _BASELINES
        return [name for name in MEASUREMENTS if name not in left_out]
    wanted: set[str] = set(asked.only)
    if "half" in wanted:
        wanted.add("saturation")
    if asked.baselines:
        wanted.update(_BASELINES)
    return [name for name in MEASUREMENTS if name in wanted]


async def _bench(asked: argparse.Namespace) -> int:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    about = await describe_machine()
    _print(show_about(about))
    results: Results = {}
    failure = ""
    try:
        async with running_stack() as stack:
            await _measure_all(stack, results, asked)
    except (RuntimeError, psycopg.Error, aiohttp.ClientError) as error:
        failure = f"{type(error).__name__}: {error}"
    about["load after"] = " ".join(f"{value:.2f}" for value in os.getloadavg())
    verdicts = judge(results)
    _print(show_ratios(results))
    _print(show_budget(verdicts))
    _print(f"\nload average after: {about['load after']}")
    if asked.json:
        asked.json.write_bytes(as_json(about, results, verdicts))
    broken = [name for name, found in results.items() if found.faults]
    if failure or broken:
        _print(f"\nFAILED: {failure or 'promises were broken in ' + ', '.join(broken)}")
        return _FAILED
    return 0


async def _measure_all(stack: Stack, results: Results, asked: argparse.Namespace) -> None:
    await warm_up(stack)
    for name in _chosen(asked):
        before = stack.meter.read()
        async with yardstick() as times:
            found = await MEASUREMENTS[name](stack, results, asked)
        found.note_surroundings(between(before, stack.meter.read()), middle(times))
        results[name] = found
        _print(show_measured(name, found))
    told = await stack.sink.ask({}, 10.0)
    _print(f"\nwebhooks: {told['received']} received, {told['verified']} signatures verified")
    if told["refused"]:
        raise RuntimeError(f"{told['refused']} webhooks were not signed as they should be")
    if stack.warnings():
        _print("lines in logs at level warning: " + ", ".join(stack.warnings()))


def _print(text: str) -> None:
    if text:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
