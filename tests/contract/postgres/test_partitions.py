"""The ledger always has room ahead, and loses old weeks only when nothing needs them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from infra.postgres.engine import engine_url
from infra.postgres.partitions import (
    drop_partitions_before,
    ensure_partitions,
    first_key,
    partition_name,
    week_of,
)
from schemas.tables.metadata import PARTITIONED

OLD_WEEK = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday
A_WEEK = timedelta(weeks=1)
NO_TIME = timedelta(0)

Result = TypeVar("Result")


def in_transaction(url: str, do: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
    async def inside() -> Result:
        engine = create_async_engine(engine_url(url), poolclass=NullPool)
        async with engine.begin() as connection:
            return await do(connection)

    return asyncio.run(inside())


def make_weeks(url: str, first: datetime, count: int) -> list[str]:
    ahead = A_WEEK * (count - 2)
    return in_transaction(
        url, lambda connection: ensure_partitions(connection, now=first + A_WEEK, ahead=ahead)
    )


def drop_before(url: str, before: datetime) -> list[str]:
    return in_transaction(
        url, lambda connection: drop_partitions_before(connection, before=before)
    )


def names_of(*weeks: datetime) -> set[str]:
    return {partition_name(table, week) for table in PARTITIONED for week in weeks}


@pytest.fixture(autouse=True)
def _no_old_weeks(database_url: str) -> None:
    drop_before(database_url, OLD_WEEK + 52 * A_WEEK)


def test_a_week_begins_on_monday_at_midnight_utc_and_at_its_lowest_key() -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC)

    assert week_of(datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)) == monday
    assert week_of(monday) == monday
    assert first_key(monday) == UUID("01a1e1a7-4c00-0000-0000-000000000000")


def test_last_week_this_week_and_the_weeks_ahead_are_made_once(database_url: str) -> None:
    made = make_weeks(database_url, OLD_WEEK, 4)
    again = make_weeks(database_url, OLD_WEEK, 4)

    assert set(made) == names_of(*(OLD_WEEK + n * A_WEEK for n in range(4)))
    assert again == []


def test_two_processes_may_make_the_same_partitions_at_once(database_url: str) -> None:
    async def race() -> list[str]:
        engine = create_async_engine(engine_url(database_url), poolclass=NullPool)

        async def one() -> list[str]:
            async with engine.begin() as connection:
                return await ensure_partitions(connection, now=OLD_WEEK, ahead=A_WEEK)

        made = await asyncio.gather(*(one() for _ in range(4)))
        return [name for names in made for name in names]

    made = asyncio.run(race())

    assert sorted(made) == sorted(names_of(*(OLD_WEEK + n * A_WEEK for n in (-1, 0, 1))))


def test_a_job_lands_in_the_week_of_its_id(database_url: str) -> None:
    make_weeks(database_url, OLD_WEEK, 2)
    last_moment = UUID(int=first_key(OLD_WEEK + A_WEEK).int - 1)

    async def insert(connection: AsyncConnection) -> str:
        statement = text(
            "INSERT INTO payload (job_id, body) VALUES (:id, '{}')"
            " RETURNING CAST(tableoid AS regclass)::text"
        )
        return str((await connection.execute(statement, {"id": last_moment})).scalar_one())

    assert in_transaction(database_url, insert) == partition_name("payload", OLD_WEEK)


def test_only_weeks_that_ended_are_dropped(database_url: str) -> None:
    make_weeks(database_url, OLD_WEEK, 3)
    in_the_second_week = OLD_WEEK + A_WEEK + timedelta(days=3)

    dropped = drop_before(database_url, in_the_second_week)

    assert set(dropped) == names_of(OLD_WEEK)


LIVE = (
    "INSERT INTO live (job_id, lane, tenant_id, state, priority) VALUES (:in_week, 1, 1, 2, 5)"
)
OWED_FOR_THE_JOB = (
    "INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin)"
    " VALUES (uuidv7(), uuidv7(), :in_week, 1, '', '')"
)
OWED_FOR_THE_EVENT = (
    "INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin)"
    " VALUES (uuidv7(), :in_week, uuidv7(), 1, '', '')"
)


@pytest.mark.parametrize("need", [LIVE, OWED_FOR_THE_JOB, OWED_FOR_THE_EVENT])
def test_a_week_with_an_unfinished_job_or_an_owed_delivery_stays(
    database_url: str, need: str
) -> None:
    make_weeks(database_url, OLD_WEEK, 2)
    moment = first_key(OLD_WEEK + timedelta(days=6))

    async def insert(connection: AsyncConnection) -> None:
        await connection.execute(text(need), {"in_week": moment})

    in_transaction(database_url, insert)
    dropped = drop_before(database_url, OLD_WEEK + 4 * A_WEEK)

    assert set(dropped) == names_of(OLD_WEEK + A_WEEK)


def test_a_busy_week_stays_and_nothing_fails(database_url: str) -> None:
    make_weeks(database_url, OLD_WEEK, 2)

    async def drop_while_somebody_reads() -> list[str]:
        engine = create_async_engine(engine_url(database_url), poolclass=NullPool)
        async with engine.connect() as reader, engine.begin() as janitor:
            name = partition_name("result", OLD_WEEK)
            await reader.execute(text(f"SELECT count(*) FROM {name}"))
            return await drop_partitions_before(janitor, before=OLD_WEEK + 4 * A_WEEK)

    assert set(asyncio.run(drop_while_somebody_reads())) == names_of(OLD_WEEK + A_WEEK)
