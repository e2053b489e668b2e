"""How fast this machine is while something is measured: the CPU time of a fixed piece of work.

CPU time is no constant: two busy neighbours on one physical core, or a clock that was lowered,
make the same work cost twice as much. Results of different runs are compared in this unit.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncGenerator
from typing import Final

_EVERY_SECONDS: Final = 0.25
_ROUNDS: Final = 2_000


@contextlib.asynccontextmanager
async def yardstick() -> AsyncGenerator[list[float]]:
    """Time the work four times a second; yields the list of CPU milliseconds that grows."""
    times: list[float] = []

    async def measure() -> None:
        while True:
            times.append(_work())
            await asyncio.sleep(_EVERY_SECONDS)

    measuring = asyncio.create_task(measure())
    try:
        yield times
    finally:
        measuring.cancel()


def middle(times: list[float]) -> float:
    """Return the median of CPU milliseconds; 0 of none."""
    return statistics.median(times) if times else 0.0


def _work() -> float:
    began = time.thread_time()
    counts: dict[str, int] = {}
    for number in range(_ROUNDS):
        name = f"job_{number % 64:04d}"
        counts[name] = counts.get(name, 0) + len(name.upper().split("_"))
    return (time.thread_time() - began) * 1000
