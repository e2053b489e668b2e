"""`make chaos`: one run with one seed; exit code 1 if a promise was broken."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import uvloop

from tests.chaos.run import Outcome, run


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -P -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides which faults happen when")
    parser.add_argument("--seconds", type=float, default=60, help="of load and faults")
    parser.add_argument("--rate", type=float, default=50, help="jobs submitted per second")
    parser.add_argument("--broker", choices=("valkey", "rabbitmq"), default="valkey")
    parser.add_argument(
        "--keep", action="store_true", help="leave logs and data where they are"
    )
    asked = parser.parse_args()
    # Short: Unix sockets allow about 100 characters; and PostgreSQL's own user must reach it.
    folder = Path(tempfile.mkdtemp(prefix="genq-chaos-", dir="/tmp"))
    try:
        outcome = uvloop.run(_run_until_told(folder, asked))
    finally:
        if asked.keep:
            _say(f"logs and data: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    _report(outcome)
    return 1 if outcome.faults else 0


async def _run_until_told(folder: Path, asked: argparse.Namespace) -> Outcome:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(folder, asked.seed, asked.seconds, asked.broker, asked.rate)


def _report(outcome: Outcome) -> None:
    _say(f"\nseed {outcome.seed}, broker {outcome.broker}")
    books = outcome.books
    _table("faults", dict(outcome.havoc.most_common()))
    _table("answers", dict(outcome.answers.most_common()))
    _table("books", books.counts)
    _table("final states", books.states)
    _table("attempts", books.attempts)
    _table("model", outcome.model)
    _table(f"most in flight, of {outcome.looks} looks", outcome.most)
    _table("warnings and errors logged", dict(outcome.logged.most_common()))
    _say(f"drained in {outcome.drain_seconds:.1f} s")
    if outcome.faults:
        _say(f"\n{len(outcome.faults)} VIOLATIONS")
        for fault in outcome.faults:
            _say(f"  {fault}")
    else:
        _say("nothing lost, nothing doubled, no limit exceeded")


def _table(title: str, counts: Mapping[str, int]) -> None:
    _say(f"{title}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
