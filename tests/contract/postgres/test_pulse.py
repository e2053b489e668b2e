"""A server that is silent is given up on; one that is slow, or busy, is not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import close_engine, create_engine, single_statements, transaction
from infra.settings import Settings
from schemas.errors import DatabaseUnavailableError
from tests.fixtures.proxy import Proxy

LIMIT_SECONDS = 3.0


def play(settings: Settings, scene: Callable[[AsyncEngine, Proxy], Awaitable[None]]) -> None:
    """Run a scene on an engine whose way to PostgreSQL leads through a proxy."""

    async def run() -> None:
        url = settings.database_url.get_secret_value()
        (folder,) = parse_qs(urlsplit(url).query)["host"]
        async with Proxy(Path(folder) / ".s.PGSQL.5432") as proxy:
            name = urlsplit(url).path
            through = SecretStr(f"postgresql://postgres@127.0.0.1:{proxy.port}{name}")
            told = settings.model_copy(
                update={"database_url": through, "database_pool_size": 2}
            )
            engine = create_engine(told, process="test", hasty=True)
            try:
                await scene(engine, proxy)
            finally:
                proxy.resume()
                await close_engine(engine)

    asyncio.run(run())


async def ask(engine: AsyncEngine, statement: str = "SELECT 1") -> None:
    async with transaction(engine) as connection:
        await connection.execute(text(statement))


async def refused_after(engine: AsyncEngine) -> float:
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailableError):
        await ask(engine)
    return time.monotonic() - began


def test_a_silent_server_fails_all_who_wait_and_answers_again_by_itself(
    settings: Settings,
) -> None:
    async def scene(engine: AsyncEngine, proxy: Proxy) -> None:
        await ask(engine)
        proxy.stall()

        # Twice as many as the pool has lines, and one on a derived engine.
        took = await asyncio.gather(
            *(refused_after(engine) for _ in range(4)), refused_after(single_statements(engine))
        )
        at_once = await refused_after(engine)
        proxy.resume()
        async with asyncio.timeout(10):
            while True:
                try:
                    await ask(engine)
                except DatabaseUnavailableError:
                    await asyncio.sleep(0.05)  # sleeps: nothing announces the next look
                else:
                    break

        assert max(took) < LIMIT_SECONDS
        assert at_once < 0.5

    play(settings, scene)


def test_a_slow_statement_of_a_server_that_answers_others_is_waited_for(
    settings: Settings,
) -> None:
    async def scene(engine: AsyncEngine, proxy: Proxy) -> None:
        await ask(engine, "SELECT pg_sleep(2.6)")

    play(settings, scene)
