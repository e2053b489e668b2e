"""``python -P -m tests.bench.scale``: the engine among a million tenants, on one machine.

Only the engine's statements run, on a PostgreSQL of their own that waits for its disk: what is
compared is what grows. Exit codes: 0 within the budget, 1 not.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.broker import Carrier
from infra.new_ids import new_key
from infra.postgres.capacity import capacity
from infra.postgres.engine import create_engine, single_statements, transaction
from infra.postgres.submit import NewJob, insert_jobs
from infra.settings import Settings
from producer.dispatcher.turn import take_turn
from tests.bench.machine import describe_machine
from tests.bench.scale.crowd import (
    LANE,
    add_jobs,
    add_tenants,
    end_released,
    settle,
    table_sizes,
)
from tests.bench.scale.looks import look_costs
from tests.chaos.postgres import postgres as running_postgres

_SLOTS: Final = 100
_FEW: Final = 1_000
_FEW_TENANTS: Final = 50
_GROUP: Final = 32
_MOST_GROWTH: Final = 1.5


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds per job, the median of many; ``looks`` are milliseconds per look."""

    release: float
    submit: float
    capacity: float
    looks: dict[str, float]


async def measure(engine: AsyncEngine, settings: Settings, pool: int, turns: int) -> Cost:
    """Return what the engine's statements cost with what is queued now."""
    released: list[float] = []
    for turn_number in range(turns):
        began = time.perf_counter()
        turn = await take_turn(engine, settings, _nowhere)
        took = time.perf_counter() - began
        if turn.released:
            released.append(1000 * took / turn.released)
        async with transaction(engine) as connection:
            ended = await end_released(connection)
        await add_jobs(engine, max(1, ended), pool=pool, first=turn_number % 40 + 1, tenants=10)
    submits = [await _submit(engine, pool) for _ in range(40)]
    looks: list[float] = []
    for _ in range(40):
        began = time.perf_counter()
        async with transaction(single_statements(engine)) as connection:
            await capacity(connection)
        looks.append(1000 * (time.perf_counter() - began))
    return Cost(median(released), median(submits), median(looks), await look_costs(engine))


async def _submit(engine: AsyncEngine, pool: int) -> float:
    jobs = [
        NewJob(
            id=new_key(),
            tenant_id=n + 1,
            lane=LANE.number,
            kind=1,
            priority=5,
            model="scale",
            end_user=None,
            labels=None,
            payload='{"input": {"prompt": "a red kite"}}',
            weight=1000,
            max_inflight=1000,
            pool=pool,
        )
        for n in range(_GROUP)
    ]
    began = time.perf_counter()
    async with transaction(single_statements(engine)) as connection:
        await insert_jobs(connection, jobs, idempotency_ttl=settings_ttl())
    return 1000 * (time.perf_counter() - began) / _GROUP


async def run(asked: argparse.Namespace) -> int:
    """Measure with little and with much, and print both."""
    folder = Path(tempfile.mkdtemp(prefix="genq-scale-", dir="/tmp"))
    try:
        async with running_postgres(folder) as server:
            settings = _settings(server.url, folder)
            engine = create_engine(settings, process="scale", durable=False)
            try:
                return await _compare(engine, settings, asked)
            finally:
                await engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _compare(engine: AsyncEngine, settings: Settings, asked: argparse.Namespace) -> int:
    about = await describe_machine()
    _out("genq at scale\n" + "\n".join(f"{name:<12} {value}" for name, value in about.items()))
    pool = await add_tenants(engine, asked.tenants, slots=_SLOTS)
    await add_jobs(engine, _FEW, pool=pool, first=1, tenants=_FEW_TENANTS)
    await settle(engine)
    little = await measure(engine, settings, pool, turns=40)
    await add_jobs(engine, asked.active, pool=pool, first=101, tenants=asked.active)
    await add_jobs(engine, asked.whale, pool=pool, first=1, tenants=1)
    await settle(engine)
    much = await measure(engine, settings, pool, turns=80)
    _show(little, much, asked)
    for table, size in (await table_sizes(engine)).items():
        _out(f"{'size of ' + table:<44} {size / 2**20:>10.0f} MB")
    memory = psutil.Process().memory_info().rss / 2**20
    _out(f"{'memory of this process, the dispatcher in it':<44} {memory:>10.0f} MB")
    grown = much.release / little.release
    _out(f"release, much against little: {grown:.2f} (budget {_MOST_GROWTH})")
    return 0 if grown <= _MOST_GROWTH else 1


def _show(little: Cost, much: Cost, asked: argparse.Namespace) -> None:
    queued = asked.active + asked.whale
    _out(f"\n{'':<44} {_FEW:>10,} {queued:>12,} queued")
    _out(f"{'':<44} {_FEW_TENANTS:>10,} {asked.active + 1:>12,} flows with work")
    rows = [
        ("release, ms per job", little.release, much.release),
        ("submit in groups of 32, ms per job", little.submit, much.submit),
        ("look at the lanes, ms per turn", little.capacity, much.capacity),
        *((name, cost, much.looks[name]) for name, cost in little.looks.items()),
    ]
    for name, before, after in rows:
        _out(f"{name:<44} {before:>10.4f} {after:>12.4f}")


def _out(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def settings_ttl() -> Any:
    """Return how long idempotency keys live here; none is used."""
    return Settings.model_fields["idempotency_ttl"].default


def _settings(url: str, folder: Path) -> Settings:
    told: dict[str, Any] = {
        "_env_file": None,
        "database_url": url,
        "broker_url": "redis://127.0.0.1:1/0",
        "object_store": (folder / "objects").as_uri(),
        "key_pepper": "only-for-scale-0123456789",
        "release_ttl": 3600.0,
    }
    return Settings(**told)


async def _nowhere(carriers: Sequence[Carrier]) -> None:
    del carriers


def main(arguments: Sequence[str]) -> int:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -P -m tests.bench.scale", description=__doc__)
    parser.add_argument("--tenants", type=int, default=1_000_000, help="registered tenants")
    parser.add_argument(
        "--active", type=int, default=200_000, help="tenants with one ready job"
    )
    parser.add_argument("--whale", type=int, default=1_000_000, help="jobs of one tenant")
    return asyncio.run(run(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
