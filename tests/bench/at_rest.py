"""Measurements of an idle system: one job at a time, and nothing at all."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench import ledger
from tests.bench.cpu import between
from tests.bench.measured import Measured
from tests.bench.orders import Order
from tests.bench.stack import Stack


async def measure_idle_latency(
    stack: Stack, *, jobs: int, pauses: tuple[float, float]
) -> Measured:
    """Submit one job at a time to an idle system and time each step of it."""
    found = Measured(
        f"Idle latency: {jobs} jobs one at a time, "
        f"pauses of {1000 * pauses[0]:.0f} to {1000 * pauses[1]:.0f} ms, 0 s model"
    )
    await stack.model(0.0)
    run = await stack.run(Order("serial", jobs=jobs, pauses=pauses))
    found.judge(run)
    if found.faults:
        return found
    calls = {call["job"]: call for call in await stack.model_calls()}
    rows = ledger.created_and_started(stack.database_url, [job.job for job in run.jobs])
    called = {job.job: calls[job.job] for job in run.jobs}
    found.add_percentiles(
        "start",
        "submit sent to provider call",
        [called[job.job]["monotonic"] - job.sent for job in run.jobs],
    )
    found.add_percentiles(
        "accepted", "submit sent to 202", [j.accepted - j.sent for j in run.jobs]
    )
    for name, (label, seconds) in _steps(run.jobs, rows, called).items():
        found.add_percentiles(name, label, seconds)
    found.notes.append("the middle of the steps is by PostgreSQL's clock, on the same machine")
    return found


def _steps(
    jobs: Sequence[Any], rows: Mapping[str, tuple[float, float]], called: Mapping[str, Any]
) -> dict[str, tuple[str, list[float]]]:
    """Return what lies between submit and webhook: name to label and seconds per job."""
    return {
        "written": (
            "  submit sent to row written",
            [rows[j.job][0] - j.sent_at for j in jobs],
        ),
        "released": (
            "  row written to attempt started",
            [rows[j.job][1] - rows[j.job][0] for j in jobs],
        ),
        "called": (
            "  attempt started to provider call",
            [called[j.job]["at"] - rows[j.job][1] for j in jobs],
        ),
        "ended": (
            "  provider call to webhook received",
            [(j.arrived or 0.0) - called[j.job]["monotonic"] for j in jobs],
        ),
    }


async def measure_idle_cpu(stack: Stack, seconds: float) -> Measured:
    """Do nothing and see who works."""
    found = Measured(f"Idle CPU: nothing to do for {seconds:.0f} s")
    before = stack.meter.read()
    await asyncio.sleep(seconds)
    usage = between(before, stack.meter.read())
    shares = usage.shares()
    found.cpu = {name: share for name, share in shares.items() if name not in _OURS}
    found.cpu_unit = "% of a core"
    busiest = max(found.cpu, key=lambda name: found.cpu[name])
    found.add("busiest", f"busiest process ({busiest})", found.cpu[busiest], "%", digits=2)
    found.add("all", "all of genq", sum(found.cpu.values()), "%", digits=2)
    return found


_OURS = frozenset({"sink", "load generator"})
