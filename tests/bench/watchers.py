"""Five hundred clients that watch jobs on one API process: how late they hear, what they cost.

The bench itself ends the jobs, as a worker does, so that commit and arrival are told by one
clock: it stands still neither for the dispatcher nor for a model.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import aiohttp
import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from infra.doorbells import DONE, Doorbells
from infra.endings import ending_of
from infra.postgres.engine import engine_url, transaction
from infra.postgres.finish import finish_jobs
from infra.postgres.sessions import open_session
from infra.postgres.start import start_attempts
from schemas.claim import Pointer
from schemas.ids import parse_id
from schemas.job_states import AttemptOutcome, JobState
from tests.bench.cpu import between
from tests.bench.measured import Measured, percentile
from tests.bench.stack import Stack

_IN_AN_HOUR: Final = 3600
_OPENING: Final = 50
_PATIENCE: Final = 60.0
_BULK: Final = 50
_GROUP: Final = 100

_How = Callable[
    [Stack, aiohttp.ClientSession, "_Client", asyncio.Semaphore], Coroutine[Any, Any, None]
]

_RELEASE: Final = text("""
UPDATE live SET state = 3, run_at = NULL, fence = fence + 1
WHERE job_id = ANY (CAST(:ids AS uuid[])) RETURNING job_id, fence
""")


@dataclass
class _Client:
    """One open stream. ``ended`` is when its end arrived, on the monotonic clock."""

    job: str
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    ended: float | None = None


@dataclass(frozen=True)
class _Ender:
    """Starts and ends jobs, as a worker does."""

    engine: AsyncEngine
    doorbells: Doorbells
    session: int

    async def end(self, jobs: Sequence[str], public_url: str) -> float:
        """End jobs in one transaction; return when it was committed."""
        ids = [parse_id("job", job) for job in jobs]
        async with transaction(self.engine) as connection:
            rows = await connection.execute(_RELEASE, {"ids": ids})
            pointers = [Pointer(row.job_id, row.fence) for row in rows]
            claims = await start_attempts(connection, self.session, pointers)
        endings = [
            ending_of(
                claim,
                state=JobState.SUCCEEDED,
                outcome=AttemptOutcome.OK,
                finished_at=claim.started_at + timedelta(seconds=1),
                public_url=public_url,
            )
            for claim in claims.values()
        ]
        async with transaction(self.engine) as connection:
            await finish_jobs(connection, endings)
        committed = time.monotonic()
        await self.doorbells.ring(DONE, " ".join(jobs))
        return committed


async def measure_watchers(stack: Stack, *, clients: int, rate: float) -> Measured:
    """Let ``clients`` watch a job each while ``rate`` a second end, then all watch one."""
    found = Measured(
        f"Watchers: {clients} clients on one API process, {rate:.0f} ends a second"
    )
    async with _ender(stack) as ender, _session(stack) as http:
        jobs = await _submit(stack, http, 2 * clients + 1)
        rss = stack.meter.resident_megabytes("api")
        before = stack.meter.read()
        async with _watching(stack, http, jobs[:clients]) as watchers:
            found.add("open", "streams open", len(watchers), digits=0)
            idle = between(before, stack.meter.read()).shares()["api"]
            late = await _one_by_one(stack, ender, watchers, rate)
            grown = stack.meter.resident_megabytes("api") - rss
            found.add("rss", "growth of the API's memory", grown, "MB")
            found.add("cpu", "API while streams were opened", idle, "% of a core", digits=0)
        _tell(found, "each", "commit to client, a job each", late, clients)
        async with _watching(stack, http, jobs[-1:] * clients) as watchers:
            late = await _at_once(stack, ender, watchers)
            found.add(
                "rss_one",
                "… and with all on one job",
                stack.meter.resident_megabytes("api") - rss,
                "MB",
            )
        _tell(found, "one", "commit to client, all one job", late, clients)
        waiting = _watching(stack, http, jobs[clients:-1], _wait)
        async with waiting as watchers:
            late = await _in_groups(stack, ender, watchers)
        _tell(found, "wait", "commit to Prefer: wait, 100 ends at once", late, clients)
    return found


def _tell(found: Measured, name: str, label: str, late: Sequence[float], wanted: int) -> None:
    for percent in (50, 95, 99):
        value = 1000 * percentile(late, percent)
        found.add(f"{name}_p{percent}", f"{label} p{percent}", value, "ms")
    if len(late) < wanted:
        found.faults.append(f"{wanted - len(late)} of {wanted} clients heard of no end")


async def _one_by_one(
    stack: Stack, ender: _Ender, watchers: Sequence[_Client], rate: float
) -> list[float]:
    committed: dict[str, float] = {}
    started = time.monotonic()
    for number, watcher in enumerate(watchers):
        pause = started + number / rate - time.monotonic()
        await asyncio.sleep(max(0.0, pause))  # sleeps: an even rate
        committed[watcher.job] = await ender.end([watcher.job], stack.facts["url"])
    return await _delays(watchers, committed)


async def _at_once(stack: Stack, ender: _Ender, watchers: Sequence[_Client]) -> list[float]:
    job = watchers[0].job
    return await _delays(watchers, {job: await ender.end([job], stack.facts["url"])})


async def _in_groups(stack: Stack, ender: _Ender, watchers: Sequence[_Client]) -> list[float]:
    committed: dict[str, float] = {}
    for start in range(0, len(watchers), _GROUP):
        jobs = [watcher.job for watcher in watchers[start : start + _GROUP]]
        committed |= dict.fromkeys(jobs, await ender.end(jobs, stack.facts["url"]))
    return await _delays(watchers, committed)


async def _delays(watchers: Sequence[_Client], committed: dict[str, float]) -> list[float]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*(watcher.over.wait() for watcher in watchers))
    return [w.ended - committed[w.job] for w in watchers if w.ended is not None]


@contextlib.asynccontextmanager
async def _watching(
    stack: Stack, http: aiohttp.ClientSession, jobs: Sequence[str], how: _How | None = None
) -> AsyncGenerator[list[_Client]]:
    """Open a stream for each of ``jobs``, and wait until each has said its first word."""
    clients = [_Client(job) for job in jobs]
    opening = asyncio.Semaphore(_OPENING)
    tasks = [asyncio.create_task((how or _watch)(stack, http, c, opening)) for c in clients]
    try:
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*(client.ready.wait() for client in clients))
        yield clients
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _watch(
    stack: Stack, http: aiohttp.ClientSession, client: _Client, opening: asyncio.Semaphore
) -> None:
    url = f"{stack.facts['url']}/v1/jobs/{client.job}/events"
    await opening.acquire()
    async with http.get(url) as response:
        response.raise_for_status()
        async for line in response.content:
            if line.startswith(b"event: queued"):
                client.ready.set()
                opening.release()
            elif line.startswith(b"event: job."):
                client.ended = time.monotonic()
                client.over.set()


async def _wait(
    stack: Stack, http: aiohttp.ClientSession, client: _Client, opening: asyncio.Semaphore
) -> None:
    url = f"{stack.facts['url']}/v1/jobs/{client.job}"
    await opening.acquire()
    asked = asyncio.create_task(_get(http, url))
    # It says nothing before its end.
    await asyncio.sleep(1.0)  # sleeps: until it surely waits
    client.ready.set()
    opening.release()
    await asked
    client.ended = time.monotonic()
    client.over.set()


async def _get(http: aiohttp.ClientSession, url: str) -> None:
    async with http.get(url, headers={"prefer": "wait=60"}) as response:
        response.raise_for_status()
        await response.read()


async def _submit(stack: Stack, http: aiohttp.ClientSession, count: int) -> list[str]:
    """Submit jobs that no dispatcher releases meanwhile."""
    image = {"prompt": "a red kite", "size": "64x64"}
    body: dict[str, Any] = {"kind": "image", "input": image, "run_at": _IN_AN_HOUR}

    async def one() -> str:
        url = f"{stack.facts['url']}/v1/jobs"
        async with http.post(url, json=body) as response:
            response.raise_for_status()
            return str(orjson.loads(await response.read())["id"])

    jobs: list[str] = []
    while len(jobs) < count:
        more = min(_BULK, count - len(jobs))
        jobs += await asyncio.gather(*(one() for _ in range(more)))
    return jobs


@contextlib.asynccontextmanager
async def _session(stack: Stack) -> AsyncGenerator[aiohttp.ClientSession]:
    key = {"authorization": f"Bearer {stack.facts['api_key']}"}
    unlimited = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, headers=key, timeout=unlimited
    ) as http:
        yield http


@contextlib.asynccontextmanager
async def _ender(stack: Stack) -> AsyncGenerator[_Ender]:
    engine = create_async_engine(engine_url(stack.database_url))
    broker = stack.settings["GENQ_BROKER_URL"]
    async with Doorbells(stack.settings.get("GENQ_VALKEY_URL", broker)) as doorbells:
        async with transaction(engine) as connection:
            # A worker that takes no lane: nothing is released for it.
            session = await open_session(
                connection, host="bench", pid=0, slots=1, lanes=(), ttl=timedelta(hours=1)
            )
        yield _Ender(engine, doorbells, session)
        async with transaction(engine) as connection:
            await connection.execute(
                text("DELETE FROM session WHERE id = :id"), {"id": session}
            )
    await engine.dispose()
