"""``python -P -m tests.bench.batches``: a batch of 100,000 lines beside people who wait.

With ``--kill`` each process of genq is killed once while the batch runs. Exit codes: 0 every
line came out once and in order, 1 not.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import openai
import orjson
import psutil
from openai.types import Batch

from tests.bench.batches.people import Beside, People, percentile
from tests.fixtures.up import CHILDREN, UpProcess, running_up

_WINDOW: Final = "24h"
_LOOK_SECONDS: Final = 0.25
_ALONE_SECONDS: Final = 15.0
_PER_SECOND: Final = 5.0
_MEGA: Final = 1024 * 1024
_SETTINGS: Final = {"GENQ_LOG_LEVEL": "warning", "GENQ_TENANT_MAX_INFLIGHT": "1000"}
# Never set: nobody ends a pause early.
_PAUSE: Final = threading.Event()
_LIVE: Final = {"validating", "in_progress", "finalizing", "cancelling"}


def main(arguments: Sequence[str]) -> int:
    """Read the arguments, run, print, and judge."""
    parser = argparse.ArgumentParser(
        prog="python -P -m tests.bench.batches", description=__doc__
    )
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--slots", type=int, default=200)
    parser.add_argument("--kill", action="store_true", help="kill every process once")
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="genq-bench-", dir="/tmp"))
    try:
        with running_up(
            folder / "data", "--slots", str(asked.slots), environment=_SETTINGS
        ) as up:
            faults = _run(up, folder, asked.lines, kill=asked.kill)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        _show("WRONG", fault)
    return 1 if faults else 0


def _run(up: UpProcess, folder: Path, lines: int, *, kill: bool) -> list[str]:
    client = openai.OpenAI(
        base_url=f"{up.facts['url']}/v1", api_key=up.facts["api_key"], max_retries=8
    )
    up.slow_model(0.0)
    people = People(up, _PER_SECOND)
    people.waits(2.0)
    alone = people.waits(_ALONE_SECONDS)
    _show("wait p50, p99 alone", _waits(alone))
    api = psutil.Process(up.state().children["api"].pid)
    before = api.memory_info().rss
    began = time.monotonic()
    path = _written(folder / "input.jsonl", lines)
    file = client.files.create(file=path, purpose="batch")
    _show("upload", f"{time.monotonic() - began:.1f} s, {path.stat().st_size / _MEGA:.0f} MB")
    began = time.monotonic()
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window=_WINDOW
    )
    beside = Beside(people)
    batch = _followed(up, client, batch, lines, list(CHILDREN) if kill else [])
    took = time.monotonic() - began
    _show("whole batch", f"{took:.0f} s, {lines / took:.0f} lines/s, ends {batch.status}")
    _show("wait p50, p99 beside it", _waits(beside.stop()))
    if not kill:
        _show("API grew by", f"{(api.memory_info().rss - before) / _MEGA:.0f} MB")
    return _faults(client, batch, folder, lines)


def _followed(
    up: UpProcess, client: openai.OpenAI, batch: Batch, lines: int, victims: list[str]
) -> Batch:
    """Return the batch at its end; ``victims`` are killed one after the other meanwhile."""
    began = time.monotonic()
    share = 1 / (len(victims) + 1)
    next_at = share
    while batch.status in _LIVE:
        _PAUSE.wait(_LOOK_SECONDS)
        was, batch = batch.status, client.batches.retrieve(batch.id)
        if was == "validating" and batch.status != "validating":
            took = time.monotonic() - began
            _show("validated", f"{took:.1f} s, at least {lines / took:.0f} lines/s")
        counts = batch.request_counts
        done = (counts.completed + counts.failed) / lines if counts else 0
        if victims and done >= next_at:
            name = victims.pop()
            os.kill(up.state().children[name].pid, signal.SIGKILL)
            _show("killed", f"{name} at {done:.0%}")
            next_at += share
    return batch


def _faults(client: openai.OpenAI, batch: Batch, folder: Path, lines: int) -> list[str]:
    """Return what is missing, doubled, or not where it should be."""
    faults: list[str] = [] if batch.status == "completed" else [f"it ended {batch.status}"]
    seen: list[int] = []
    for name, file_id in (("output", batch.output_file_id), ("errors", batch.error_file_id)):
        if file_id is None:
            continue
        path = folder / name
        client.files.content(file_id).write_to_file(path)
        found = [int(line["custom_id"].removeprefix("line-")) for line in _lines(path)]
        _show(name, f"{len(found)} lines, {path.stat().st_size / _MEGA:.0f} MB")
        if found != sorted(found):
            faults.append(f"the {name} are not in order")
        seen += found
    if sorted(seen) != list(range(lines)):
        missing = lines - len(set(seen))
        faults.append(f"{missing} lines are missing, {len(seen) - len(set(seen))} are doubled")
    return faults


def _written(path: Path, lines: int) -> Path:
    with path.open("wb") as file:
        for number in range(lines):
            question = f"Question {number}: name a colour and an animal, and say why they fit."
            body = {
                "model": "sim-chat-1",
                "messages": [{"role": "user", "content": question}],
                "max_tokens": 40,
            }
            line = {
                "custom_id": f"line-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": body,
            }
            file.write(orjson.dumps(line) + b"\n")
    return path


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _waits(waits: Sequence[float]) -> str:
    if not waits:
        return "nobody waited"
    p50, p99 = percentile(waits, 50), percentile(waits, 99)
    return f"{p50:.0f} ms, {p99:.0f} ms of {len(waits)} jobs"


def _show(name: str, value: object) -> None:
    sys.stdout.write(f"{name:<26} {value}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
