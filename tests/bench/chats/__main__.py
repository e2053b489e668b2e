"""``python -P -m tests.bench.chats``: commands on a played Discord, and when each is answered.

Twice: with everything well, and with PostgreSQL frozen (SIGSTOP) in the middle. Exit codes: 0
nothing was lost or made twice, 1 something was; whether goals are met is printed beside each.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import psutil
import psycopg

from infra.embedded.data_folder import DataFolder
from infra.embedded.run_state import RunState
from infra.simulator.chat.acting import Said
from infra.simulator.chat.calling import over_http
from infra.simulator.chat.platforms import ChatPlatforms
from tests.bench.cpu import CpuMeter, Usage, between
from tests.bench.lines import running
from tests.bench.machine import describe_machine

_GOAL_SECONDS: Final = 0.3
_FROZEN_GOAL_SECONDS: Final = 2.0
_START_SECONDS: Final = 90.0
_CHANNELS: Final = 20
_TENANT: Final = "local"
_DEFERRED: Final = 5
_OK: Final = 200
# The door tries a deferred command for 30 s.
_AFTER_SECONDS: Final = 45.0
_LOOK_SECONDS: Final = 0.5
_SETTINGS: Final = {"GENQ_LOG_LEVEL": "warning", "GENQ_CHAT_TENANT": _TENANT}


@dataclass
class Run:
    """One stretch of commands.

    Attributes:
        users: Who asked; each asks once.
        seconds: Until each answer.
        kinds: What they were answered with.
        usage: Of CPU, while they asked.
    """

    users: list[str] = field(default_factory=list[str])
    seconds: list[float] = field(default_factory=list[float])
    kinds: Counter[str] = field(default_factory=Counter[str])
    usage: Usage | None = None

    def percentile(self, part: float) -> float:
        """Return by when this part of all had been answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


@dataclass
class Stack:
    """A genq, and the Discord on which its people are."""

    facts: dict[str, Any]
    database_url: str
    platforms: ChatPlatforms
    meter: CpuMeter
    asked: int = 0

    async def command(self, run: Run) -> None:
        """Ask once, as somebody new."""
        self.asked += 1
        user, channel = str(10**17 + self.asked), str(11 * 10**17 + self.asked % _CHANNELS)
        run.users.append(user)
        text = f"/imagine a red kite, number {self.asked} --n 1"
        try:
            said = await self.platforms.discord.people.say(text, user=user, channel=channel)
        except aiohttp.ClientError as error:
            run.kinds[type(error).__name__] += 1
            return
        run.seconds.append(said.seconds)
        run.kinds[_kind(said)] += 1

    async def commands(self, rate: float, seconds: float) -> Run:
        """Ask at an even rate, whoever is still waiting."""
        run, began, before = Run(), time.perf_counter(), self.meter.read()
        async with asyncio.TaskGroup() as tasks:
            for number in range(round(rate * seconds)):
                wait = began + number / rate - time.perf_counter()
                await asyncio.sleep(max(0.0, wait))
                tasks.create_task(self.command(run))
        run.usage = between(before, self.meter.read())
        return run

    def jobs_of(self, run: Run) -> Counter[str]:
        """Return how many jobs each of a run's people has."""
        told = [f"discord:{user}" for user in run.users]
        query = "SELECT end_user, count(*) FROM job WHERE end_user = ANY(%s) GROUP BY end_user"
        with psycopg.connect(self.database_url) as connection:
            return Counter(dict(connection.execute(query, (told,)).fetchall()))

    def freeze(self, *, on: bool) -> None:
        """Stop all of PostgreSQL in its tracks, or let it go on."""
        parent = psutil.Process(self.facts["pids"]["postgres"])
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)


def _kind(said: Said) -> str:
    if said.answer.status != _OK:
        return f"status {said.answer.status}"
    told = orjson.loads(said.answer.body)
    if told["type"] == _DEFERRED:
        return "deferred"
    return "told in private" if said.private else "shown at once"


@contextlib.asynccontextmanager
async def running_stack(folder: Path, slots: int, latency: float) -> AsyncGenerator[Stack]:
    """Start a played Discord in this process, and a genq beside it."""
    platforms = ChatPlatforms()
    async with (
        platforms.serve(),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        told = {f"GENQ_{name.upper()}": v for name, v in platforms.settings("discord").items()}
        command = (
            *("-m", "infra.embedded", "up", "--json", "--port", "0"),
            *("--slots", str(slots), "--data-dir", str(folder / "data")),
            *("--profile-file", str(folder / "profile.toml")),
        )
        async with running("genq up", command, environment={**_SETTINGS, **told}) as up:
            facts = await up.hear(_START_SECONDS)
            platforms.connect(over_http(facts["url"], session))
            state = RunState.read(DataFolder(folder / "data").state_file)
            if state is None:
                raise RuntimeError("genq up has not written its state")
            await _slow_down(session, state.environment["GENQ_MODEL_SERVERS"], latency)
            pids = {**facts["pids"], "up": up.pid, "Discord and its people": os.getpid()}
            meter = CpuMeter(pids)
            yield Stack(facts, state.environment["GENQ_DATABASE_URL"], platforms, meter)


async def _slow_down(session: aiohttp.ClientSession, servers: str, latency: float) -> None:
    """Have the simulator take its time, as a model does that has a machine of its own."""
    base: str = orjson.loads(servers)[0]["base_url"]
    control = base.removesuffix("/v1") + "/control"
    async with session.put(control, json={"latency": latency}) as answer:
        answer.raise_for_status()


async def measure(asked: argparse.Namespace, folder: Path) -> list[str]:
    """Run both stretches, print them, and return what is wrong."""
    async with running_stack(folder, asked.slots, asked.latency) as stack:
        await stack.commands(10, 3)  # what is done for the first time
        well = await stack.commands(asked.rate, asked.seconds)
        faults = await _judged(stack, well, "all is well", _GOAL_SECONDS)
        freezing = asyncio.create_task(_freeze(stack, asked))
        try:
            frozen = await stack.commands(asked.rate, asked.seconds + asked.freeze)
            await freezing
        finally:
            stack.freeze(on=False)
        title = f"PostgreSQL is frozen for {asked.freeze:.0f} s"
        return faults + await _judged(stack, frozen, title, _FROZEN_GOAL_SECONDS)


async def _freeze(stack: Stack, asked: argparse.Namespace) -> None:
    await asyncio.sleep(asked.seconds / 2)
    stack.freeze(on=True)
    await asyncio.sleep(asked.freeze)
    stack.freeze(on=False)


async def _judged(stack: Stack, run: Run, title: str, goal: float) -> list[str]:
    """Print a run, and return what was lost or made twice once nothing more can come of it."""
    told = run.kinds["told in private"]
    wanted, began = len(run.users) - told, time.perf_counter()
    while True:
        jobs = await asyncio.to_thread(stack.jobs_of, run)
        took = time.perf_counter() - began
        if len(jobs) >= wanted or took > _AFTER_SECONDS:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    slowest = max(run.seconds)
    middle, nearly = run.percentile(0.5), run.percentile(0.99)
    judged = nearly if goal == _GOAL_SECONDS else slowest
    _show(title, dict(_figures(run, middle, nearly, slowest)))
    _show("", {"goal": f"{goal * 1000:.0f} ms: {'met' if judged <= goal else 'MISSED'}"})
    _show("", {"jobs": f"{jobs.total()} of {wanted} asked for, after {took:.1f} s"})
    twice = [user for user, count in jobs.items() if count > 1]
    faults = [f"{title}: {len(twice)} commands made two jobs"] if twice else []
    # Whoever was deferred may have been told why nothing came of it.
    lost = wanted - run.kinds["deferred"] - len(jobs)
    return faults + ([f"{title}: {lost} jobs are missing"] if lost > 0 else [])


def _figures(
    run: Run, middle: float, nearly: float, slowest: float
) -> Iterator[tuple[str, str]]:
    yield "answers", ", ".join(f"{count} {kind}" for kind, count in run.kinds.most_common())
    yield "p50", f"{middle * 1000:.0f} ms"
    yield "p99", f"{nearly * 1000:.0f} ms"
    yield "slowest", f"{slowest * 1000:.0f} ms"
    if run.usage is not None:
        shares = {**run.usage.shares(), "others": 100 * run.usage.others / run.usage.wall}
        yield "% of a core", ", ".join(f"{name} {share:.0f}" for name, share in shares.items())


def _show(title: str, facts: dict[str, str]) -> None:
    lines = [f"{name:<12} {value}" for name, value in facts.items()]
    sys.stdout.write("\n".join([*([f"\n{title}"] if title else []), *lines]) + "\n")
    sys.stdout.flush()


async def _main(asked: argparse.Namespace) -> int:
    _show("commands on a played Discord", await describe_machine())
    folder = Path(tempfile.mkdtemp(prefix="genq-bench-", dir="/tmp"))
    try:
        faults = await measure(asked, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _show("", {"load after": " ".join(f"{value:.2f}" for value in os.getloadavg())})
    for fault in faults:
        _show("", {"WRONG": fault})
    return 1 if faults else 0


def main(arguments: Sequence[str]) -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -P -m tests.bench.chats", description=__doc__)
    parser.add_argument("--rate", type=float, default=50, help="commands a second")
    parser.add_argument("--seconds", type=float, default=20, help="of each stretch")
    parser.add_argument("--freeze", type=float, default=10, help="seconds more, frozen")
    parser.add_argument("--slots", type=int, default=8, help="of the worker")
    parser.add_argument(
        "--latency", type=float, default=1.0, help="seconds of a model call; 0: none, no queue"
    )
    return asyncio.run(_main(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
