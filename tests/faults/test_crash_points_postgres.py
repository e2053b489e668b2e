"""PostgreSQL refuses, waits or throws everybody out: nobody is told a lie, nothing is lost."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import make_url

from infra.settings import Settings
from tests.api.served import IMAGE, Served, run
from tests.fixtures.auditor import assert_clean
from tests.fixtures.processes import System, system
from tests.fixtures.proxy import Proxy

ROLE = "narrow"
JOBS = 60


class Administrator:
    """Decides what the role of the API may do."""

    def __init__(self, url: str) -> None:
        self._url = url

    def order(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                sql.SQL(statement.replace("ROLE_NAME", "{0}")).format(sql.Identifier(ROLE))  # pyright: ignore[reportArgumentType] - our own statements
            )

    def throw_out(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                [ROLE],
            )


@pytest.fixture
def administrator(database_url: str) -> Iterator[Administrator]:
    """A role of its own for the API."""
    boss = Administrator(database_url)
    boss.order("CREATE ROLE ROLE_NAME LOGIN")
    boss.order("GRANT pg_read_all_data, pg_write_all_data TO ROLE_NAME")
    yield boss
    boss.throw_out()
    boss.order("DROP OWNED BY ROLE_NAME")
    boss.order("DROP ROLE ROLE_NAME")


@pytest.fixture
def narrow(settings: Settings, administrator: Administrator) -> Settings:
    """Settings that lead to PostgreSQL as that role."""
    url = make_url(settings.database_url.get_secret_value()).set(username=ROLE)
    shown = url.render_as_string(hide_password=False)
    return settings.model_copy(update={"database_url": SecretStr(shown)})


async def is_unavailable(api: Served) -> None:
    """Hold the API to its answer for a database that is away."""
    answer = await api.http.post("/v1/jobs", json=IMAGE)
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "database_unavailable"
    assert int(answer.headers["retry-after"]) >= 1


def test_without_a_connection_left_the_api_says_503_and_recovers(
    narrow: Settings, administrator: Administrator
) -> None:
    async def scene(api: Served) -> None:
        await api.submit()
        administrator.order("ALTER ROLE ROLE_NAME CONNECTION LIMIT 0")
        administrator.throw_out()

        await is_unavailable(api)

        administrator.order("ALTER ROLE ROLE_NAME CONNECTION LIMIT -1")
        await api.submit()

    run(narrow, scene)


def test_a_lock_that_is_not_granted_in_time_is_503_and_not_500(
    narrow: Settings, administrator: Administrator, database_url: str
) -> None:
    administrator.order("ALTER ROLE ROLE_NAME SET lock_timeout = '50ms'")

    async def scene(api: Served) -> None:
        await api.submit()
        with psycopg.connect(database_url) as somebody:
            somebody.execute("LOCK TABLE live IN ACCESS EXCLUSIVE MODE")

            await is_unavailable(api)

        await api.submit()

    run(narrow, scene)


def test_a_deadlock_that_postgresql_ends_is_not_noticed(
    settings: Settings, database_url: str
) -> None:
    async def scene(api: Served) -> None:
        await api.submit()
        submitting: asyncio.Task[object]
        async with await psycopg.AsyncConnection.connect(database_url) as somebody:
            await somebody.execute("LOCK TABLE live IN ACCESS EXCLUSIVE MODE")
            submitting = asyncio.create_task(api.submit())
            await waiting_for_a_lock(database_url)
            # The submit holds locks on what it has inserted and waits for live; now so do we.
            await somebody.execute("SET deadlock_timeout = '1min'")
            await somebody.execute("LOCK TABLE idempotency, job IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(10):
            await submitting

    run(settings, scene)


async def waiting_for_a_lock(database_url: str) -> None:
    async with (
        asyncio.timeout(10),
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as observer,
    ):
        while True:
            found = await observer.execute(
                "SELECT 1 FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND application_name = 'genq api'"
            )
            if await found.fetchone():
                return
            await asyncio.sleep(0.02)  # sleeps: until PostgreSQL says that it waits


def test_backends_that_are_terminated_again_and_again_cost_nothing(settings: Settings) -> None:
    async def scene() -> None:
        async with system(settings) as running:
            await running.start("dispatch", "work")
            jobs = await running.submit(JOBS, webhook=False)
            running.model.gate.set()

            for _ in range(8):
                await running.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name ~ '^genq (work|dispatch)' AND random() < 0.7"
                )
                await asyncio.sleep(0.15)  # sleeps: between one blow and the next
            await all_succeeded(running, jobs)

    asyncio.run(scene())


def test_a_database_behind_a_dead_line_is_found_again(settings: Settings) -> None:
    async def scene() -> None:
        url = make_url(settings.database_url.get_secret_value())
        socket = Path(str(url.query["host"])) / ".s.PGSQL.5432"
        async with Proxy(socket) as proxy:
            through = f"postgresql://postgres@127.0.0.1:{proxy.port}/{url.database}"
            told = settings.model_copy(update={"database_url": SecretStr(through)})
            async with system(told) as running:
                await running.start("dispatch", "work")
                jobs = await running.submit(JOBS, webhook=False)
                await running.until("all are called", lambda: running.model.in_flight == JOBS)
                proxy.refuse()
                proxy.cut()
                running.model.gate.set()
                await asyncio.sleep(1)  # sleeps: as long as the line is dead
                proxy.accept()
                await all_succeeded(running, jobs)

    asyncio.run(scene())


async def all_succeeded(running: System, jobs: list[str]) -> None:
    await running.until("every job has ended", lambda: running._empty("live"), MINUTE)
    good = await running.sql("SELECT count(*) FROM job WHERE final_state = 10")
    assert good[0][0] == len(jobs)
    await assert_clean(running.engine, running.settings, jobs)


MINUTE = timedelta(minutes=1)
