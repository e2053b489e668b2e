"""An upgrade makes the tables that the code wants, once, however many run it."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from infra.clock import SystemClock
from infra.postgres.engine import engine_url
from migrations import apply
from migrations.process import BAD_SETTINGS, DRIFT, UNREACHABLE, main
from schemas.lanes import Lane
from schemas.tables.metadata import PARTITIONED

NAME = sql.Identifier("genq_migrations")
WAITING = """
SELECT 1 FROM pg_locks WHERE NOT granted AND relation = CAST('outbox' AS regclass)
"""


@pytest.fixture
def empty_url(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A fresh database, and the environment variable that leads to it."""
    url = postgres_url.replace("/postgres?", "/genq_migrations?")
    monkeypatch.setenv("GENQ_DATABASE_URL", url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(NAME))
        yield url
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(NAME))


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_an_upgrade_makes_exactly_what_the_code_wants(
    empty_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["current"]) == 0
    assert main(["check"]) == DRIFT
    assert main(["upgrade"]) == 0
    assert main(["check"]) == 0

    assert capsys.readouterr().out.splitlines()[0] == "empty"
    assert query(empty_url, "SELECT lane, v, pass FROM lane_clock ORDER BY lane") == [
        (lane.number, 0, 0) for lane in Lane
    ]


def test_the_ledger_has_room_for_last_week_and_the_next_three(empty_url: str) -> None:
    main(["upgrade"])

    counted = query(
        empty_url,
        "SELECT inhparent::regclass::text, count(*) FROM pg_inherits JOIN pg_class c"
        " ON c.oid = inhparent WHERE c.relkind = 'p' GROUP BY 1",
    )
    assert set(counted) == {(table, 5) for table in PARTITIONED}


def test_a_second_upgrade_changes_nothing(
    empty_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["upgrade"])
    main(["upgrade"])

    assert capsys.readouterr().out.splitlines()[1] == "database: 0009, no change"


def test_upgrades_at_once_wait_for_each_other(empty_url: str) -> None:
    async def upgrade() -> tuple[str | None, str]:
        engine = create_async_engine(engine_url(empty_url), poolclass=NullPool)
        return await apply.upgrade(engine, SystemClock())

    async def race() -> list[tuple[str | None, str]]:
        return await asyncio.gather(*(upgrade() for _ in range(3)))

    outcomes = asyncio.run(race())

    assert sorted(outcomes, key=str) == [("0009", "0009"), ("0009", "0009"), (None, "0009")]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DROP INDEX ix_live_due", "live: index ix_live_due is missing in the database"),
        ("ALTER TABLE job ADD COLUMN extra int", "job: column extra is only in the database"),
        ("ALTER TABLE flow RESET (fillfactor)", "flow: table: the database has: table;"),
        ("ALTER TABLE tenant ALTER weight DROP DEFAULT", "tenant: column weight: the database"),
        (
            "DROP INDEX ix_flow_next; CREATE INDEX ix_flow_next ON flow (lane) WHERE active",
            "flow: index ix_flow_next: the database has:",
        ),
    ],
)
def test_every_kind_of_drift_is_told(
    empty_url: str, capsys: pytest.CaptureFixture[str], change: str, told: str
) -> None:
    main(["upgrade"])
    query(empty_url, change)
    capsys.readouterr()

    assert main(["check"]) == DRIFT
    assert any(line.startswith(told) for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://nobody@127.0.0.1:9/nothing", UNREACHABLE),
        ("mysql://127.0.0.1/nothing", BAD_SETTINGS),
        ("", BAD_SETTINGS),
    ],
)
def test_a_wrong_address_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, code: int
) -> None:
    if url:
        monkeypatch.setenv("GENQ_DATABASE_URL", url)

    assert main(["upgrade"]) == code
    error = capsys.readouterr().err
    assert error.startswith("genq: ")
    assert error.count("\n") == 1


def test_an_upgrade_that_was_cut_short_can_be_repeated(empty_url: str) -> None:
    main(["upgrade"])
    with psycopg.connect(empty_url, autocommit=True) as connection:
        # As if its second part, which commits statement by statement, had failed.
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.execute("DROP INDEX ix_live_batch_id")

    assert main(["upgrade"]) == 0
    assert main(["check"]) == 0


def test_an_upgrade_that_waits_for_one_table_holds_up_no_other(empty_url: str) -> None:
    main(["upgrade"])
    query(empty_url, "UPDATE alembic_version SET version_num = '0002'")

    async def upgrade() -> None:
        engine = create_async_engine(engine_url(empty_url), poolclass=NullPool)
        await apply.upgrade(engine, SystemClock())

    async def scenario() -> None:
        async with (
            await psycopg.AsyncConnection.connect(empty_url) as busy,
            await psycopg.AsyncConnection.connect(empty_url, autocommit=True) as watch,
        ):
            await busy.execute("LOCK TABLE outbox IN ROW EXCLUSIVE MODE")
            upgrading = asyncio.create_task(upgrade())
            async with asyncio.timeout(20):
                while not await (await watch.execute(WAITING)).fetchone():  # noqa: ASYNC110 - no event tells of a lock
                    await asyncio.sleep(0.05)  # sleeps: no event tells of a lock
            await watch.execute("SET lock_timeout = '1s'")
            for table in ("tenant", "job", "live", "idempotency"):
                await watch.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))
            await busy.commit()
            await upgrading

    asyncio.run(scenario())
    assert main(["check"]) == 0
