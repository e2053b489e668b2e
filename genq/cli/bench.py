"""`genq bench`: submit jobs to a running server, wait for them, and tell how long it took."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import typer

from genq.cli import options
from genq.cli.examples import one_of
from genq.cli.kind_input import kind_input
from genq.cli.screen import confirm, count_of, print_data, print_json, tell
from genq.client import Genq
from genq.errors import GenqError
from genq.models import LANES

Jobs = Annotated[int, typer.Option("--jobs", metavar="COUNT", min=1, max=100_000)]
Concurrency = Annotated[
    int, typer.Option("--concurrency", metavar="COUNT", min=1, max=256, help="At once.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Measure submitting alone.")]

_MODELS: Final = {
    "image": "sim-image-1",
    "chat": "sim-chat-1",
    "embedding": "sim-embedding-1",
    "completion": "sim-chat-1",
}
_SIMULATED: Final = "sim-"
_SMALL: Final = "64x64"
_SHOWN: Final = ("p50", "p95", "p99", "max")


@dataclass
class _Seen:
    """What was measured so far, in seconds."""

    submits: list[float] = field(default_factory=list[float])
    ends: list[float] = field(default_factory=list[float])
    faults: list[str] = field(default_factory=list[str])


def bench(
    jobs: Jobs = 100,
    concurrency: Concurrency = 8,
    kind: options.Kind = "image",
    *,
    model: options.Model = None,
    lane: options.Lane = None,
    no_wait: NoWait = False,
    yes: options.Yes = False,
    as_json: options.AsJson = False,
    url: options.Url = None,
    api_key: options.ApiKey = None,
) -> None:
    """Submit jobs and tell how long submitting, and submitting to the end, takes.

    They go to the simulator's models; any other costs, and is asked about or needs --yes.
    Exit code 1: a job failed.
    """
    one_of(kind, tuple(_MODELS), "--kind")
    one_of(lane, LANES, "--lane")
    chosen = model or _MODELS[kind]
    if not chosen.startswith(_SIMULATED):
        confirm(f"{chosen} is a real model. Pay for {jobs} jobs of it?", yes=yes)
    asked = {"kind": kind, "model": chosen, "lane": lane}
    seen = _Seen()
    begun = time.monotonic()
    with Genq(api_key, url) as client:
        # One that fails at once tells more than a hundred that do.
        _one(client, asked, seen, 0, wait=not no_wait)
        _many(client, asked, seen, range(1, jobs), concurrency, wait=not no_wait)
    _tell(seen, time.monotonic() - begun, as_json=as_json)
    if seen.faults:
        raise typer.Exit(1)


def _one(
    client: Genq, asked: Mapping[str, Any], seen: _Seen, number: int, *, wait: bool
) -> None:
    text = f"bench picture {number}"
    kind = asked["kind"]
    small = {"size": _SMALL, "seed": number} if kind == "image" else {}
    content = kind_input(kind, text, small)
    begun = time.monotonic()
    job = client.jobs.create(**asked, input=content)
    seen.submits.append(time.monotonic() - begun)
    if wait:
        ended = client.jobs.wait(job.id)
        seen.ends.append(time.monotonic() - begun)
        if not ended.succeeded:
            why = f": {ended.error.message}" if ended.error else ""
            seen.faults.append(f"{ended.id} {ended.status}{why}")


def _many(
    client: Genq,
    asked: Mapping[str, Any],
    seen: _Seen,
    numbers: range,
    concurrency: int,
    *,
    wait: bool,
) -> None:
    stop = threading.Event()

    def run(number: int) -> None:
        if stop.is_set():
            return
        try:
            _one(client, asked, seen, number, wait=wait)
        except GenqError as error:
            seen.faults.append(str(error))

    with ThreadPoolExecutor(concurrency) as pool:
        try:
            for _ in pool.map(run, numbers):
                pass
        except KeyboardInterrupt:
            stop.set()
            tell("stopping; what was submitted goes on")
            raise


def _tell(seen: _Seen, seconds: float, *, as_json: bool) -> None:
    count = len(seen.submits)
    done = {"submit_ms": spread(seen.submits), "end_to_end_ms": spread(seen.ends)}
    if as_json:
        facts = {
            "jobs": count,
            "failed": len(seen.faults),
            "seconds": round(seconds, 3),
            "jobs_per_second": round(count / seconds, 1),
            **done,
        }
        print_json(facts)
        return
    rate = count / seconds
    print_data(
        f"{count_of(count, 'job')} in {seconds:.1f} s, {rate:.1f}/s, {len(seen.faults)} failed"
    )
    for name, found in done.items():
        if found:
            words = "  ".join(f"{mark} {found[mark]:8.1f}" for mark in _SHOWN)
            print_data(f"{name.removesuffix('_ms').replace('_', ' '):<10}  ms  {words}")
    for fault in dict.fromkeys(seen.faults[:3]):
        tell(f"genq: {fault}")


def spread(seconds: Sequence[float]) -> Mapping[str, float]:
    """Return quantiles in milliseconds; none of nothing."""
    found = sorted(seconds)
    if not found:
        return {}
    last = len(found) - 1
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    marks = {mark: found[min(last, int(share * len(found)))] for mark, share in shares.items()}
    return {mark: round(value * 1000, 1) for mark, value in marks.items()}
