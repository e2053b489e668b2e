"""Submits jobs and waits for their webhooks, in a process of its own: ``-m tests.bench.load``.

Reads orders as lines of JSON and answers each with the times of its jobs.
"""

import argparse
import asyncio
import itertools
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import orjson
import uvloop

from infra.clock import SystemClock
from tests.bench.lines import questions, say
from tests.bench.orders import PROMPTS, SEED, SIZE, JobTimes, LoadRun, Order

_CONNECTIONS: Final = 256
# Shorter than any server's: a connection that the server has just closed fails a submit.
_KEEP_ALIVE_SECONDS: Final = 2.0
# No two jobs are the same: genq would have one answered by the other.
_NTH: Final = b"@"
_CLOCK: Final = SystemClock()


class Arrivals:
    """What the sink has received, by job."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, str, list[str]]] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def follow(self, port: int) -> None:
        """Read the sink's lines for ever."""
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        while line := await reader.readline():
            job, event, status, seconds = line.decode().split()
            events = self._seen.setdefault(job, (float(seconds), status, []))[2]
            if event not in events:
                events.append(event)
            waiting = self._waiting.pop(job, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    async def of(self, job: str) -> None:
        """Wait for a job's first webhook."""
        if job not in self._seen:
            waiting = self._waiting[job] = asyncio.get_running_loop().create_future()
            await waiting

    def complete(self, times: JobTimes) -> None:
        """Fill in what arrived for a job."""
        arrived, status, events = self._seen.pop(times.job, (None, "", list[str]()))
        times.arrived, times.events = arrived, tuple(events)
        if status not in {"", "succeeded"}:
            times.fault = f"ended as {status}"


class LoadGenerator:
    """Carries out orders."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, hook: str, arrivals: Arrivals
    ) -> None:
        self._session = session
        self._url = url
        self._arrivals = arrivals
        # Prepared: the load generator shares the machine with what it measures.
        self._jobs = [_body(prompt, hook) for prompt in PROMPTS]
        self._bare = [_body(prompt, None) for prompt in PROMPTS]
        self._numbers = itertools.count()
        self._done: list[JobTimes] = []

    async def carry_out(self, order: Order) -> LoadRun:
        """Return what became of an order, when all of its jobs have ended or are lost."""
        self._done = []
        modes: dict[str, Callable[[Order], Awaitable[None]]] = {
            "closed": self._closed,
            "open": self._open,
            "serial": self._serial,
            "submit": self._submit_only,
        }
        began = time.monotonic()
        await modes[order.mode](order)
        if order.mode != "submit":
            for times in self._done:
                self._arrivals.complete(times)
        return LoadRun(began, time.monotonic(), self._done)

    async def _closed(self, order: Order) -> None:
        numbers = itertools.count()
        until = time.monotonic() + order.seconds

        def more() -> bool:
            if order.jobs and next(numbers) >= order.jobs:
                return False
            return not order.seconds or time.monotonic() < until

        async def one_after_another() -> None:
            while more():
                await self._job(order, time.monotonic())

        async with asyncio.TaskGroup() as group:
            for _ in range(order.outstanding):
                group.create_task(one_after_another())

    async def _open(self, order: Order) -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(order.rate * order.seconds)):
                due = began + number / order.rate
                await asyncio.sleep(due - time.monotonic())
                group.create_task(self._job(order, due))

    async def _serial(self, order: Order) -> None:
        chance = random.Random(order.jobs)
        for _ in range(order.jobs):
            await asyncio.sleep(chance.uniform(*order.pauses))
            await self._job(order, time.monotonic())

    async def _submit_only(self, order: Order) -> None:
        until = time.monotonic() + order.seconds

        async def one_after_another() -> None:
            while time.monotonic() < until:
                await self._submit(self._bare, time.monotonic())

        async with asyncio.TaskGroup() as group:
            for _ in range(order.outstanding):
                group.create_task(one_after_another())

    async def _job(self, order: Order, due: float) -> None:
        times = await self._submit(self._jobs, due)
        if not times.fault:
            try:
                async with asyncio.timeout(order.patience):
                    await self._arrivals.of(times.job)
            except TimeoutError:
                return

    async def _submit(self, bodies: list[bytes], due: float) -> JobTimes:
        number = next(self._numbers)
        body = bodies[number % len(bodies)].replace(_NTH, b"%d" % number)
        times = JobTimes("", due, time.monotonic(), 0.0, None, _CLOCK.now().timestamp())
        self._done.append(times)
        try:
            async with self._session.post(self._url, data=body) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            times.fault = f"not submitted: {error!r}"
            return times
        times.accepted = time.monotonic()
        if response.status == 202:
            times.job = str(orjson.loads(answer)["id"])
        else:
            times.fault = f"answered {response.status}: {answer[:200].decode()}"
        return times


def _body(prompt: str, hook: str | None) -> bytes:
    asked = {"prompt": prompt, "size": SIZE, "seed": SEED, "extra_body": {"nth": _NTH.decode()}}
    wanted = {"kind": "image", "input": asked}
    if hook is None:
        return orjson.dumps({**wanted, "lane": "batch"})
    return orjson.dumps({**wanted, "webhook": {"url": hook}})


async def generate(url: str, key: str, hook: str, follow: int) -> None:
    """Carry out orders until the parent is gone."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        arrivals = Arrivals()
        following = asyncio.create_task(arrivals.follow(follow))
        generator = LoadGenerator(session, f"{url}/v1/jobs", hook, arrivals)
        async for told in questions():
            say((await generator.carry_out(Order(**told))).encode())
        following.cancel()


def main() -> int:
    """Read the arguments and generate load."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--url", "--key", "--hook"):
        parser.add_argument(name, required=True)
    parser.add_argument("--follow", type=int, required=True, help="the sink's port")
    given = parser.parse_args()
    uvloop.run(generate(given.url, given.key, given.hook, given.follow))
    return 0


if __name__ == "__main__":
    sys.exit(main())
