"""PostgreSQL or Valkey dies or freezes under load: every route answers soon, none for ever."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg
from pydantic import SecretStr

from infra.settings import Settings
from producer.api.services import open_services
from tests.api.process import environment, started, url_of
from tests.api.served import IMAGE, new_key
from tests.fixtures.mortal_servers import MortalServer, mortal_postgres, mortal_valkey

LIMIT_SECONDS: Final = 3.0
WAIT_SECONDS: Final = 1
SUBMITTERS: Final = 8
_RECOVERY_SECONDS: Final = 15.0


@dataclass
class Stack:
    """An API process on servers of its own, under load."""

    postgres: MortalServer
    valkey: MortalServer
    http: httpx2.AsyncClient
    job: str = ""
    accepted: list[str] = field(default_factory=list[str])
    slowest: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter[int])

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Ask, and hold the answer to what every answer must be."""
        began = time.monotonic()
        try:
            answer = await self.http.request(method, path, **options)
        except httpx2.TimeoutException:
            raise AssertionError(f"{method} {path}: no answer") from None
        took = time.monotonic() - began
        held = WAIT_SECONDS if "wait" in options.get("headers", {}).get("Prefer", "") else 0
        assert took < LIMIT_SECONDS + held, f"{method} {path}: {took:.1f} s"
        if answer.status_code == 503 and path != "/readyz":
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["retryable"] is True
        elif path != "/readyz":
            assert answer.status_code < 500, answer.text
        return answer

    async def submit_for_ever(self) -> None:
        """Submit one job after the other."""
        while True:
            answer = await self.ask("POST", "/v1/jobs", json=IMAGE)
            self.statuses[answer.status_code] += 1
            if answer.status_code == 202:
                self.accepted.append(answer.json()["id"])

    async def statuses_of_every_route(self) -> dict[str, int]:
        """Ask every kind of route at once."""
        wait = {"Prefer": f"wait={WAIT_SECONDS}"}
        asked: dict[str, tuple[str, str, dict[str, Any]]] = {
            "submit": ("POST", "/v1/jobs", {"json": IMAGE}),
            "submit, wait": ("POST", "/v1/jobs", {"json": IMAGE, "headers": wait}),
            "get": ("GET", f"/v1/jobs/{self.job}", {}),
            "get, wait": ("GET", f"/v1/jobs/{self.job}", {"headers": wait}),
            "list": ("GET", "/v1/jobs", {}),
            "cancel": ("POST", f"/v1/jobs/{self.job}/cancel", {}),
            "cancel many": ("POST", "/v1/jobs/cancel", {"json": {"lane": "batch"}}),
            "dead letters": ("GET", "/v1/dead_letters", {}),
            "schedules": ("GET", "/v1/schedules", {}),
            "metrics": ("GET", "/metrics", {}),
            "livez": ("GET", "/livez", {}),
            "readyz": ("GET", "/readyz", {}),
        }
        answers = await asyncio.gather(
            *(self.ask(method, path, **options) for method, path, options in asked.values())
        )
        return dict(zip(asked, (answer.status_code for answer in answers), strict=True))

    async def recovered(self) -> None:
        """Wait until everything works again, without anybody's help."""
        async with asyncio.timeout(_RECOVERY_SECONDS):
            while (await self.ask("GET", "/readyz")).status_code != 200:  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.05)  # sleeps: nothing announces a recovery
        found = await self.statuses_of_every_route()
        assert max(found.values()) < 300, found

    async def next_job(self) -> None:
        """Have a job that waits: the last one was cancelled."""
        answer = await self.ask("POST", "/v1/jobs", json=IMAGE)
        assert answer.status_code == 202, answer.text
        self.job = answer.json()["id"]


@asynccontextmanager
async def stack(settings: Settings, folder: Path) -> AsyncGenerator[Stack]:
    """Run the servers, the API and its load until the block ends."""
    async with AsyncExitStack() as closing:
        postgres = await closing.enter_async_context(mortal_postgres(folder))
        valkey = await closing.enter_async_context(mortal_valkey(folder))
        here = settings.model_copy(
            update={
                "database_url": SecretStr(postgres.url),
                "broker_url": SecretStr(valkey.url),
                "valkey_url": SecretStr(valkey.url),
            }
        )
        async with open_services(here) as services:
            key = await new_key(services, "acme")
        process = await closing.enter_async_context(
            started(env=environment(here), folder=folder)
        )
        base_url = await url_of(process)
        # Nobody else reads the log: a full pipe would stop the API.
        reading = asyncio.create_task(process.stdout.read())
        closing.callback(reading.cancel)
        http = await closing.enter_async_context(
            httpx2.AsyncClient(
                base_url=base_url,
                headers={"Authorization": f"Bearer {key}"},
                timeout=3 * LIMIT_SECONDS,
            )
        )
        yield Stack(postgres, valkey, http)


async def under_load(running: Stack, scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene while others submit; their answers are held to the same promise."""
    load = [asyncio.create_task(running.submit_for_ever()) for _ in range(SUBMITTERS)]
    try:
        await scene()
        for submitter in load:
            assert not submitter.done(), submitter.exception()
    finally:
        for submitter in load:
            submitter.cancel()
        for submitter in load:
            with suppress(asyncio.CancelledError):
                await submitter


def test_a_killed_or_frozen_server_is_503_within_three_seconds_and_then_forgotten(
    settings: Settings, tmp_path: Path
) -> None:
    async def play() -> None:
        async with stack(settings, tmp_path) as running:

            async def scene() -> None:
                for name, away, back in faults(running):
                    await running.next_job()
                    away()
                    found = await running.statuses_of_every_route()
                    expect(name, found)
                    done = back()
                    if done is not None:
                        await done
                    await running.recovered()

            await under_load(running, scene)
            assert running.statuses.keys() <= {202, 503}
            with psycopg.connect(running.postgres.url) as connection:
                rows = connection.execute("SELECT count(*) FROM job").fetchone()
            assert rows is not None
            assert rows[0] >= len(set(running.accepted)) == len(running.accepted) > 0

    asyncio.run(play())


def faults(
    running: Stack,
) -> list[tuple[str, Callable[[], None], Callable[[], Awaitable[None] | None]]]:
    return [
        ("valkey killed", running.valkey.kill, running.valkey.start),
        ("valkey frozen", running.valkey.freeze, running.valkey.thaw),
        ("postgres frozen", running.postgres.freeze, running.postgres.thaw),
        ("postgres killed", running.postgres.kill, running.postgres.start),
    ]


def expect(name: str, found: dict[str, int]) -> None:
    assert found["livez"] == 200, name
    assert found["metrics"] == 200, name
    assert found["readyz"] == 503, name
    tenants = {route: status for route, status in found.items() if "z" not in route}
    del tenants["metrics"]
    if name.startswith("postgres"):
        assert set(tenants.values()) == {503}, (name, found)
    else:
        # Valkey holds no truth: whoever does not need it does not notice.
        assert set(tenants.values()) <= {200, 202}, (name, found)
