"""One run: start everything, load and break it, let it drain, read the books."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import psycopg
from sqlalchemy.ext.asyncio import create_async_engine

from infra.postgres.engine import engine_url
from infra.settings import Settings
from tests.chaos.books import Books, audit_books
from tests.chaos.brokers import Brokers, brokers_of
from tests.chaos.fleet import Fleet
from tests.chaos.havoc import Havoc
from tests.chaos.load import Load
from tests.chaos.model import BadModel, bad_model
from tests.chaos.postgres import Postgres, postgres
from tests.chaos.tenants import PEPPER, Enrolled, enrol
from tests.chaos.timetable import draw
from tests.chaos.watch import Watch
from tests.chaos.webhooks import Webhooks, webhook_receiver
from tests.fixtures.auditor import violations
from tests.fixtures.proxy import Proxy, free_port

_READY_SECONDS: Final = 60.0
_LEAST_DRAIN_SECONDS: Final = 120.0
# A tenant at its rate submits faster than it may: its backlog takes as long again as the load.
_DRAIN_PER_LOAD: Final = 2.0
_LATE_CALLERS_SECONDS: Final = 180.0
_LOOK_SECONDS: Final = 0.1
# Lines of a log that mean that a promise was only kept by luck.
_NEVER_LOGGED: Final = frozenset({"sleeping_flows_found", "end_refused"})


@dataclass
class Outcome:
    """What a run came to. Empty ``faults``: every promise was kept."""

    seed: int
    broker: str
    faults: list[str] = field(default_factory=list[str])
    havoc: Counter[str] = field(default_factory=Counter[str])
    answers: Counter[str] = field(default_factory=Counter[str])
    model: dict[str, int] = field(default_factory=dict[str, int])
    most: dict[str, int] = field(default_factory=dict[str, int])
    logged: Counter[str] = field(default_factory=Counter[str])
    looks: int = 0
    drain_seconds: float = 0.0
    books: Books = field(default_factory=Books)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a run works with."""

    folder: Path
    url: str
    postgres: Postgres
    brokers: Brokers
    database: Proxy
    model: BadModel
    webhooks: Webhooks
    tenants: list[Enrolled]
    fleet: Fleet


@asynccontextmanager
async def _stage(folder: Path, seed: int, broker: str) -> AsyncGenerator[Stage]:
    async with AsyncExitStack() as closing:
        database = await closing.enter_async_context(postgres(folder))
        brokers = await closing.enter_async_context(brokers_of(broker, folder))
        to_database = await closing.enter_async_context(Proxy(database.socket))
        model = await closing.enter_async_context(bad_model(seed))
        webhooks = await closing.enter_async_context(webhook_receiver(seed))
        engine = create_async_engine(engine_url(database.url))
        tenants = await enrol(engine)
        await engine.dispose()
        port = free_port()
        told = {
            "DATABASE_URL": database.url_through(to_database.port),
            "OBJECT_STORE": (folder / "objects").as_uri(),
            "KEY_PEPPER": PEPPER,
            "MODEL_SERVERS": json.dumps([s.model_dump(mode="json") for s in model.servers()]),
            **_SETTINGS,
            **brokers.settings,
        }
        environment = {f"GENQ_{name}": value for name, value in told.items()}
        fleet = Fleet(folder, environment, port)
        closing.push_async_callback(fleet.close)
        fleet.begin()
        url = f"http://127.0.0.1:{port}"
        await _until_ready(url, database)
        yield Stage(
            *(folder, url, database, brokers, to_database, model, webhooks, tenants, fleet)
        )


_SETTINGS: Final = {
    "DATABASE_POOL_SIZE": "6",
    "SESSION_TTL": "3",
    "RELEASE_TTL": "4",
    "RETRY_BASE": "0.2",
    "RETRY_CAP": "2",
    # What dies here dies of bad luck, and must succeed all the same.
    "MAX_ATTEMPTS": "30",
    "MAX_LOST": "100",
    "SLOTS": "40",
    "DRAIN_GRACE": "3",
    # Longer than a delivery process is ever frozen: its receivers answer at once.
    "WEBHOOK_TIMEOUT": "6",
    "OUTBOUND_ALLOW": '["127.0.0.0/8"]',
    "LOG_LEVEL": "warning",
    "LOG_FORMAT": "json",
}


async def run(folder: Path, seed: int, seconds: float, broker: str, rate: float) -> Outcome:
    """Load genq for so long while faults happen; return what it came to."""
    outcome = Outcome(seed, broker)
    async with _stage(folder, seed, broker) as stage:
        watch = Watch(stage.postgres, stage.tenants)
        load = Load(stage.url, stage.webhooks.url, stage.tenants, seed=seed, rate=rate)
        havoc = Havoc(
            stage.fleet,
            stage.postgres,
            stage.brokers.all,
            stage.database,
            stage.brokers.proxies,
        )
        watching = asyncio.create_task(watch.run())
        try:
            await _load_and_break(load, havoc, seed, seconds, outcome)
            await _drain(stage, outcome, seconds)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        outcome.books = await audit_books(
            stage.postgres,
            load.orders,
            stage.webhooks.told,
            stage.tenants,
            folder / "objects",
        )
        outcome.faults += await _ask_the_auditor(stage.postgres, folder)
        await _close_the_books(stage, outcome, watch, load, havoc)
    outcome.faults += stage.fleet.unexpected()
    _read_logs(stage.fleet, outcome)
    return outcome


async def _load_and_break(
    load: Load, havoc: Havoc, seed: int, seconds: float, outcome: Outcome
) -> None:
    try:
        async with asyncio.timeout(seconds + _LATE_CALLERS_SECONDS):
            await asyncio.gather(load.run(seconds), havoc.run(draw(seed, seconds)))
    except TimeoutError:
        outcome.faults.append("callers were still trying three minutes after the last fault")
    await havoc.mend()


async def _drain(stage: Stage, outcome: Outcome, load_seconds: float) -> None:
    patience = max(_LEAST_DRAIN_SECONDS, _DRAIN_PER_LOAD * load_seconds)
    loop = asyncio.get_running_loop()
    began = loop.time()
    aged = False
    while loop.time() - began < patience:
        if not aged and loop.time() - began > 3:
            # Second tries of webhooks wait for minutes, and leases of dead processes too.
            await stage.postgres.rows_at_last(
                "UPDATE delivery SET next_at = next_at - interval '10 minutes',"
                " lease_until = lease_until - interval '1 minute'"
            )
            aged = True
        if stage.fleet.broken():
            outcome.faults.append("a process cannot live: see its log, with --keep")
            break
        left = await stage.postgres.rows_at_last(
            "SELECT (SELECT count(*) FROM live), (SELECT count(*) FROM delivery)"
        )
        if left[0] == (0, 0):
            break
        await asyncio.sleep(_LOOK_SECONDS)
    else:
        outcome.faults.append(f"after {patience:.0f} s it has not drained")
    outcome.drain_seconds = loop.time() - began


async def _ask_the_auditor(database: Postgres, folder: Path) -> list[str]:
    plain = {name.lower(): value for name, value in _SETTINGS.items() if value[0] != "["}
    told: dict[str, Any] = {
        "_env_file": None,
        "database_url": database.url,
        "broker_url": "redis://nowhere.invalid",
        "object_store": (folder / "objects").as_uri(),
        "key_pepper": PEPPER,
        **plain,
    }
    settings = Settings(**told)
    engine = create_async_engine(engine_url(database.url))
    try:
        found = await violations(engine, settings)
    finally:
        await engine.dispose()
    return [f"auditor: {one.id}: {one.what}: {', '.join(one.examples)}" for one in found]


async def _close_the_books(
    stage: Stage, outcome: Outcome, watch: Watch, load: Load, havoc: Havoc
) -> None:
    outcome.faults += outcome.books.faults
    limits = Counter(watch.faults)
    outcome.faults += [f"{what} ({times} looks)" for what, times in limits.items()]
    outcome.faults += [
        f"{what} ({times} times)" for what, times in Counter(load.faults).items()
    ]
    outcome.havoc = havoc.done
    outcome.answers = load.answers
    outcome.most = dict(sorted(watch.most.items()))
    outcome.looks = watch.looks
    outcome.model = {**stage.model.answers, "early": stage.model.early}
    outcome.books.counts["webhooks"] = stage.webhooks.received
    outcome.books.counts["webhooks refused"] = stage.webhooks.refused


def _read_logs(fleet: Fleet, outcome: Outcome) -> None:
    def event_of(line: bytes) -> str | None:
        try:
            told: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            # Tracebacks of a process that could not start, and what Celery prints.
            return None
        return f"{told.get('level')} {str(told.get('event')).splitlines()[0][:80]}"

    outcome.logged = fleet.events_logged(event_of)
    outcome.faults += [
        f"logged {times} times: {event}"
        for event, times in outcome.logged.items()
        if event.rpartition(" ")[2] in _NEVER_LOGGED
    ]


async def _until_ready(url: str, database: Postgres) -> None:
    """Wait until the API answers and both workers have sessions."""
    async with asyncio.timeout(_READY_SECONDS), aiohttp.ClientSession() as http:
        while True:
            with contextlib.suppress(aiohttp.ClientError, psycopg.OperationalError):
                async with http.get(f"{url}/readyz") as response:
                    workers = await database.rows("SELECT count(*) FROM session")
                    if response.status == 200 and workers[0][0] == 2:
                        return
            await asyncio.sleep(_LOOK_SECONDS)
