"""``python -P -m tests.bench.outage``: 100,000 webhooks wait while their receiver is down.

Four hours are played in seconds: the delivery loop and PostgreSQL are real, the receiver is a
script, and time passes by ageing rows. Exit codes: 0 within the budget, 1 not.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from infra.settings import Settings
from infra.telemetry.logging import configure_logging
from tests.bench.machine import describe_machine
from tests.chaos.postgres import postgres as running_postgres
from tests.fixtures.outage import Outage, play_outage

_MOST_ATTEMPTS: Final = 60


async def run(deliveries: int) -> int:
    """Play, print, and judge."""
    folder = Path(tempfile.mkdtemp(prefix="genq-outage-", dir="/tmp"))
    try:
        async with running_postgres(folder) as server:
            about = await describe_machine()
            _show("a receiver is down for four hours", about)
            settings = settings_of(server.url, folder)
            configure_logging(settings, process="outage")
            began = time.perf_counter()
            seen = await play_outage(settings, deliveries=deliveries)
            rate = seen.deliveries / seen.drain_seconds
            figures = {**asdict(seen), "drained_per_second": round(rate)}
            _show(f"played in {time.perf_counter() - began:.0f} s", figures)
            return 0 if _is_good(seen) else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_good(seen: Outage) -> bool:
    nothing_wrong = not (seen.missed or seen.extra or seen.out_of_order)
    return nothing_wrong and seen.attempts_while_down <= _MOST_ATTEMPTS


def _show(title: str, facts: dict[str, Any]) -> None:
    lines = [f"{name:<24} {value}" for name, value in facts.items()]
    sys.stdout.write("\n".join([title, *lines, ""]) + "\n")
    sys.stdout.flush()


def settings_of(url: str, folder: Path) -> Settings:
    """Return settings for a delivery loop alone, on a database of its own."""
    told: dict[str, Any] = {
        "_env_file": None,
        "database_url": url,
        "broker_url": "redis://127.0.0.1:1/0",
        "object_store": (folder / "objects").as_uri(),
        "key_pepper": "only-for-tests-0123456789",
        "log_level": "error",
    }
    return Settings(**told)


def main(arguments: Sequence[str]) -> int:
    """Read the arguments and play."""
    parser = argparse.ArgumentParser(
        prog="python -P -m tests.bench.outage", description=__doc__
    )
    parser.add_argument("--deliveries", type=int, default=100_000, help="that wait")
    return asyncio.run(run(parser.parse_args(arguments).deliveries))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
