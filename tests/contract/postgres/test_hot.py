"""Hot statements behave as SQLAlchemy's own do when something goes wrong."""

import asyncio

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import create_engine, single_statements, transaction
from infra.postgres.hot import HotStatement
from infra.settings import Settings
from schemas.errors import DatabaseUnavailableError

ECHO = HotStatement("SELECT CAST(:word AS text) AS word, '50%' AS share, now()::date AS today")
SLOW = HotStatement("SELECT pg_sleep(:seconds)")
WRONG = HotStatement("SELECT 1 / :zero")
CONNECTIONS = 5


async def ask(engine: AsyncEngine) -> str:
    async with transaction(engine) as connection:
        (row,) = await ECHO.run(connection, {"word": "kite"})
    return row.word


def test_binds_are_named_and_casts_and_percents_are_left_alone(settings: Settings) -> None:
    async def scene() -> None:
        engine = create_engine(settings, process="test")
        assert await ask(engine) == "kite"
        assert await ask(single_statements(engine)) == "kite"
        await engine.dispose()

    asyncio.run(scene())


def test_after_a_restart_of_the_server_one_caller_pays_and_not_each(settings: Settings) -> None:
    async def scene() -> int:
        engine = create_engine(settings, process="hot test")
        await asyncio.gather(*(ask(engine) for _ in range(CONNECTIONS)))
        url = settings.database_url.get_secret_value()
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'genq hot test'"
            )
        failures = 0
        for _ in range(CONNECTIONS):
            try:
                await ask(engine)
            except DatabaseUnavailableError:
                failures += 1
        await engine.dispose()
        return failures

    assert asyncio.run(scene()) == 1


def test_a_wrong_statement_is_no_outage_and_leaves_the_connection_usable(
    settings: Settings,
) -> None:
    async def scene() -> None:
        engine = create_engine(settings, process="test")
        with pytest.raises(DBAPIError, match="division by zero"):
            async with transaction(engine) as connection:
                await WRONG.run(connection, {"zero": 0})
        assert await ask(engine) == "kite"
        await engine.dispose()

    asyncio.run(scene())


def test_a_cancelled_caller_leaves_the_connection_usable(settings: Settings) -> None:
    async def scene() -> None:
        engine = create_engine(settings, process="test")

        async def sleep() -> None:
            async with transaction(engine) as connection:
                await SLOW.run(connection, {"seconds": 30})

        sleeper = asyncio.create_task(sleep())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.shield(sleeper)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper
        assert await ask(engine) == "kite"
        await engine.dispose()

    asyncio.run(scene())
