"""The API dies right after a call of OpenAI's client became a job: the repetition finds it."""

import asyncio
import signal
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from infra.settings import Settings
from schemas.ids import format_id
from tests.faults.test_crash_points_api import new_key
from tests.fixtures import crashing_process
from tests.fixtures.processes import MODEL, system
from tests.fixtures.proxy import free_port

ASKED: Final[dict[str, Any]] = {"model": MODEL, "prompt": "a red kite"}
# As OpenAI's client says it; it will not be waited for.
AGAIN: Final = {"x-stainless-retry-count": "1", "x-stainless-read-timeout": "0.1"}
_IDS: Final = "SELECT id FROM job"


async def call(
    http: aiohttp.ClientSession, port: int, headers: dict[str, str]
) -> tuple[int, str]:
    """Call an API that may not listen yet; return the status, and the job that it tells of."""
    url = f"http://127.0.0.1:{port}/v1/images/generations"
    while True:
        try:
            async with http.post(url, json=ASKED, headers=headers) as answer:
                return answer.status, answer.headers.get("x-genq-job-id", await answer.text())
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(0.02)  # sleeps: a client's back-off; another process listens


def test_a_call_whose_api_is_killed_right_after_its_commit_is_generated_and_charged_once(
    settings: Settings,
) -> None:
    async def scene() -> None:
        port = free_port()
        own = ("--port", str(port))
        async with system(settings) as running, aiohttp.ClientSession() as http:
            key = {"authorization": f"Bearer {await new_key(running)}"}
            command = (str(Path(crashing_process.__file__)), "api", "after", "submit", "die")
            dying = await running.run("api", *command, *own)
            async with asyncio.timeout(30):
                with pytest.raises(aiohttp.ClientError):
                    await call(http, port, key)
                assert await dying.wait() == -signal.SIGKILL
            [(job,)] = await running.sql(_IDS)

            await running.run("api", "-m", "producer.api", *own)
            async with asyncio.timeout(30):
                told = await call(http, port, {**key, **AGAIN})

            assert told == (408, format_id("job", job))
            assert await running.sql(_IDS) == [(job,)]

    asyncio.run(scene())
