"""Behind PgBouncer in transaction mode, with nothing set in it but that mode."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import create_engine, single_statements, transaction
from infra.settings import Settings
from tests.fixtures.processes import System, system

JOBS = 100
MANY = 12
SHOWN = (
    "SELECT current_setting('statement_timeout'),"
    " current_setting('idle_in_transaction_session_timeout'), current_setting('jit'),"
    " current_setting('synchronous_commit'), current_setting('enable_partition_pruning')"
)


@pytest.fixture
def pooled(settings: Settings, pgbouncer_url: str) -> Settings:
    """The settings, with PgBouncer as the database."""
    return settings.model_copy(update={"database_url": SecretStr(pgbouncer_url)})


def use(
    settings: Settings, scene: Callable[[AsyncEngine], Awaitable[None]], *, durable: bool = True
) -> None:
    async def run() -> None:
        engine = create_engine(settings, process="test", durable=durable)
        await scene(engine)
        await engine.dispose()

    asyncio.run(run())


def test_every_process_works_through_pgbouncer(pooled: Settings) -> None:
    async def scene(running: System) -> None:
        running.model.gate.set()
        await running.start("dispatch", "deliver", "work")
        jobs = await running.submit(JOBS)
        await running.until_all_ended()

        await running.assert_each_succeeded_once(jobs)

    async def run() -> None:
        async with system(pooled) as running:
            await scene(running)

    asyncio.run(run())


def test_each_transaction_has_its_limits_and_leaves_none_to_the_next_client(
    pooled: Settings, pgbouncer_url: str
) -> None:
    async def scene(engine: AsyncEngine) -> None:
        for _ in range(MANY):
            async with transaction(engine) as connection:
                shown = (await connection.execute(text(SHOWN))).one()
                assert tuple(shown) == ("1min", "10s", "off", "off", "off")

    use(pooled, scene, durable=False)

    with closing(psycopg.connect(pgbouncer_url, autocommit=True)) as stranger:
        found = stranger.execute(SHOWN).fetchone()
        assert found is not None
        assert found[:2] == ("0", "0")
        assert found[3:] == ("on", "on")
        prepared = stranger.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
        assert prepared == (0,)


def test_single_statements_run_through_pgbouncer(pooled: Settings) -> None:
    async def scene(engine: AsyncEngine) -> None:
        async def ask(number: int) -> int:
            async with transaction(single_statements(engine)) as connection:
                asked = text("SELECT CAST(:number AS int)")
                return (await connection.execute(asked, {"number": number})).scalar_one()

        for _ in range(MANY):
            assert await asyncio.gather(*map(ask, range(MANY))) == list(range(MANY))

    use(pooled, scene)


def test_a_connection_of_our_own_has_its_limits_once_and_prepares(settings: Settings) -> None:
    async def scene(engine: AsyncEngine) -> None:
        for _ in range(MANY):
            async with transaction(single_statements(engine)) as connection:
                shown = (await connection.execute(text(SHOWN))).one()
                assert tuple(shown) == ("1min", "10s", "off", "off", "off")
        async with transaction(engine) as connection:
            asked = text("SELECT count(*) FROM pg_prepared_statements")
            assert (await connection.execute(asked)).scalar_one() >= 1

    use(settings, scene, durable=False)
