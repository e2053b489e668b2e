"""OpenAI's clients beside the API, and a stand-in for the worker that ends jobs when told."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx2
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAI
from openai.types.chat import ChatCompletion
from sqlalchemy import text as sql

from infra.postgres.engine import transaction
from infra.settings import Settings
from tests.api.served import Served, serving
from tests.fixtures.until import until

HELLO: Final[list[dict[str, Any]]] = [{"role": "user", "content": "hello"}]
CHAT: Final[dict[str, Any]] = {"model": "test-chat", "messages": HELLO}
LONG: Final = timedelta(seconds=20)
SHORT: Final = timedelta(milliseconds=150)


@dataclass
class Scene:
    """The API, and the clients of tenant ``acme``; ``sent`` is what the first of them sends."""

    api: Served
    client: AsyncOpenAI
    sync: OpenAI
    sent: list[str]

    def chat(self, **more: Any) -> "asyncio.Task[ChatCompletion]":
        """Begin a chat of the asynchronous client."""
        asked: dict[str, Any] = {**CHAT, **more}
        create: Callable[..., Any] = self.client.chat.completions.create
        return asyncio.create_task(create(**asked))

    def begin(self, call: Awaitable[Any]) -> "asyncio.Future[Any]":
        """Begin any call."""
        return asyncio.ensure_future(call)

    async def jobs(self) -> list[dict[str, Any]]:
        """Return the tenant's jobs, oldest first."""
        listed = (await self.api.http.get("/v1/jobs", params={"limit": 100})).json()["data"]
        return listed[::-1]

    async def job(self) -> str:
        """Return the id of the only unfinished job, as soon as there is one."""
        [found] = await self.unfinished(1)
        return found

    async def unfinished(self, number: int) -> list[str]:
        """Return the ids of unfinished jobs, as soon as there are so many."""
        found: list[str] = []
        async with asyncio.timeout(10):
            while len(found) < number:
                found = [job["id"] for job in await self.jobs() if job["status"] == "queued"]
                await asyncio.sleep(0.01)  # sleeps: no bell rings for a submit
        return found

    async def waited_for(self, number: int = 1) -> None:
        """Return when so many jobs are waited for."""
        await until(lambda: self.api.services.waiters.waiting == number, f"{number} wait")

    async def sql(self, statement: str, **values: Any) -> Any:
        """Run one statement; return its rows, if it has any."""
        async with transaction(self.api.services.engine) as connection:
            found = await connection.execute(sql(statement), values)
            return found.all() if found.returns_rows else None

    async def until_sql(self, question: str) -> None:
        """Return as soon as the answer is true."""
        async with asyncio.timeout(10):
            while (await self.sql(question)) != [(True,)]:  # noqa: ASYNC110 - rows ring no bell
                await asyncio.sleep(0.01)  # sleeps: rows ring no bell


@asynccontextmanager
async def scene(settings: Settings, **changes: Any) -> AsyncGenerator[Scene]:
    """Serve with changed settings until the block ends."""
    async with serving(settings.model_copy(update={"facade_max_hold": LONG, **changes})) as api:
        url = f"{api.url}/v1"
        sent: list[str] = []

        async def note(request: httpx2.Request) -> None:
            sent.append(request.url.path)

        http = DefaultAsyncHttpxClient(event_hooks={"request": [note]})
        async with AsyncOpenAI(base_url=url, api_key=api.key, http_client=http) as client:
            with OpenAI(base_url=url, api_key=api.key) as sync:
                yield Scene(api, client, sync, sent)


def play(
    settings: Settings, scenario: Callable[[Scene], Awaitable[None]], **changes: Any
) -> None:
    """Serve, and play ``scenario``."""

    async def whole() -> None:
        async with scene(settings, **changes) as here:
            await scenario(here)

    asyncio.run(whole())
