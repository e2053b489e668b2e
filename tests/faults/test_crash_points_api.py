"""The API dies around its commit: what a client was told, or asks again for, is one job."""

import asyncio
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from infra.api_keys import digest_of, new_api_key, prefix_of
from infra.postgres.api_keys import insert_key
from infra.postgres.engine import transaction
from infra.postgres.sessions import open_session
from infra.settings import Settings
from schemas.lanes import Lane
from tests.fixtures import crashing_process
from tests.fixtures.auditor import assert_clean
from tests.fixtures.processes import System, system
from tests.fixtures.proxy import free_port

MINUTE = timedelta(minutes=1)
# A second by design; the rest is for a loaded machine.
LOOK = timedelta(seconds=10)
BODY = {"kind": "image", "input": {"prompt": "a red kite"}}


async def new_key(running: System) -> str:
    key = new_api_key()
    digest = digest_of(key, running.settings.key_pepper.get_secret_value())
    async with transaction(running.engine) as connection:
        await insert_key(
            connection, running.tenant.id, name="test", prefix=prefix_of(key), digest=digest
        )
    return key


class Client:
    """A client that asks again under the same key until it is answered."""

    def __init__(self, http: aiohttp.ClientSession, port: int, key: str) -> None:
        self._http = http
        self._url = f"http://127.0.0.1:{port}/v1/jobs"
        self._headers = {"authorization": f"Bearer {key}", "idempotency-key": "order-1"}

    async def submit(self) -> dict[str, Any] | None:
        """Ask once; ``None`` if nobody answered."""
        with suppress(aiohttp.ClientError):
            async with self._http.post(self._url, json=BODY, headers=self._headers) as answer:
                assert answer.status == 202, await answer.text()
                return await answer.json()
        return None

    async def submit_at_last(self) -> dict[str, Any]:
        """Ask until somebody answers."""
        while (job := await self.submit()) is None:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)  # sleeps: a client's back-off; another process listens
        return job


@pytest.mark.parametrize(("when", "written"), [("before", 0), ("after", 1)])
def test_an_api_killed_around_its_commit_accepts_the_repeated_submit_once(
    settings: Settings, when: str, written: int
) -> None:
    async def scene() -> None:
        port = free_port()
        own = ("--port", str(port))
        async with system(settings) as running, aiohttp.ClientSession() as http:
            client = Client(http, port, await new_key(running))
            command = (str(Path(crashing_process.__file__)), "api", when, "submit", "die")
            dying = await running.run("api", *command, *own)
            submitting = asyncio.create_task(client.submit_at_last())

            async with asyncio.timeout(30):
                assert await dying.wait() == -signal.SIGKILL
            jobs = await running.sql("SELECT id FROM job")
            assert len(jobs) == written
            await running.run("api", "-m", "producer.api", *own)
            async with asyncio.timeout(30):
                job = await submitting

            again = await client.submit()
            assert again is not None
            assert again["id"] == job["id"]
            assert len(await running.sql("SELECT id FROM job")) == 1
            await assert_clean(running.engine, running.settings, [job["id"]])

    asyncio.run(scene())


def test_a_job_whose_doorbell_was_never_rung_is_released_at_the_dispatchers_own_look(
    settings: Settings,
) -> None:
    async def scene() -> None:
        port = free_port()
        async with system(settings) as running, aiohttp.ClientSession() as http:
            client = Client(http, port, await new_key(running))
            async with transaction(running.engine) as connection:
                await open_session(
                    connection, host="h", pid=1, slots=1, lanes=tuple(Lane), ttl=MINUTE
                )
            await running.start("dispatch")
            # The doorbell is rung after the commit, beside the answer.
            command = (str(Path(crashing_process.__file__)), "api", "after", "submit", "die")
            dying = await running.run("api", *command, "--port", str(port))
            submitting = asyncio.create_task(client.submit_at_last())

            async with asyncio.timeout(30):
                await dying.wait()
            submitting.cancel()
            await running.until("it is released", lambda: released(running), LOOK)

    asyncio.run(scene())


async def released(running: System) -> bool:
    return bool(await running.sql("SELECT 1 FROM live WHERE state = 3"))
