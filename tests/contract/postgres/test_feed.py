"""A feed is read in the order of its transactions, each event once and none left out."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.new_ids import new_key
from infra.postgres.engine import create_engine, single_statements
from infra.postgres.feed import START, Cursor, feed_now, is_expired, read_feed
from infra.postgres.partitions import drop_partitions_before, ensure_partitions, first_key
from infra.postgres.tenants import ensure_tenant
from infra.settings import Settings
from schemas.events import OutboxKind

_INSERT = text(
    "INSERT INTO outbox (job_id, id, kind, type, body, tenant_id)"
    " VALUES (:job, :id, :kind, 'job.succeeded', 'x', :tenant)"
)
WEEK = timedelta(weeks=1)
WRITERS, EACH = 5, 12


async def write(
    connection: AsyncConnection,
    tenant: int,
    job: UUID | None = None,
    *,
    kind: OutboxKind = OutboxKind.TERMINAL,
) -> UUID:
    event = new_key()
    values = {"job": job or new_key(), "id": event, "tenant": tenant, "kind": int(kind)}
    await connection.execute(_INSERT, values)
    return event


def play(settings: Settings, scenario: Callable[[AsyncEngine], Awaitable[None]]) -> None:
    async def scene() -> None:
        engine = create_engine(settings, process="test")
        await scenario(engine)
        await engine.dispose()

    asyncio.run(scene())


async def read(engine: AsyncEngine, after: Cursor = START, limit: int = 100) -> list[UUID]:
    async with single_statements(engine).connect() as connection:
        page = await read_feed(connection, 7, after, limit=limit)
    return [event.cursor.id for event in page.events]


def test_an_event_waits_for_older_transactions_that_are_still_open(settings: Settings) -> None:
    async def scenario(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            before = await write(connection, 7)
        async with engine.begin() as slow:
            first = await write(slow, 7)
            async with engine.begin() as fast:
                second = await write(fast, 7)
            # Committed, but behind one that may yet come before it.
            assert await read(engine) == [before]
            async with single_statements(engine).connect() as connection:
                now = await feed_now(connection)
        assert await read(engine) == [before, first, second]
        assert await read(engine, now) == [first, second]

    play(settings, scenario)


def test_what_only_webhooks_hear_of_is_passed_over(settings: Settings) -> None:
    async def scenario(engine: AsyncEngine) -> None:
        ends: list[UUID] = []
        async with engine.begin() as connection:
            for n in range(4):
                for kind in (OutboxKind.PROGRESS, OutboxKind.NOTICE, OutboxKind.TEST):
                    for _ in range(20):
                        await write(connection, 7, kind=kind)
                ends.append(await write(connection, 7, kind=OutboxKind.TERMINAL))
                if n % 2:
                    await write(connection, 7, kind=OutboxKind.LIFECYCLE)
        assert await read(engine, limit=3) == ends[:3]
        async with single_statements(engine).connect() as connection:
            first = await read_feed(connection, 7, START, limit=3)
            rest = await read_feed(connection, 7, first.next, limit=3)
            after = await read_feed(connection, 7, rest.next, limit=3)
        assert (first.has_more, [e.cursor.id for e in rest.events]) == (True, ends[3:])
        assert (rest.has_more, after.events, after.has_more) == (False, (), False)

    play(settings, scenario)


async def keep_writing(engine: AsyncEngine, number: int, written: set[UUID]) -> None:
    for turn in range(EACH):
        async with engine.begin() as connection:
            written.add(await write(connection, 7))
            # Transactions overlap in every order.
            for _ in range((number * 7 + turn * 3) % 5):
                await connection.execute(text("SELECT 1"))
            await write(connection, 8)


async def keep_reading(engine: AsyncEngine, done: asyncio.Event) -> list[UUID]:
    found: list[UUID] = []
    after = START
    async with single_statements(engine).connect() as connection:
        while True:
            last = done.is_set()
            page = await read_feed(connection, 7, after, limit=3)
            found += [event.cursor.id for event in page.events]
            assert page.next >= after
            after = page.next
            if last and not page.has_more:
                return found


def test_who_reads_while_many_write_gets_each_event_once(settings: Settings) -> None:
    async def scenario(engine: AsyncEngine) -> None:
        written: set[UUID] = set()
        done = asyncio.Event()
        reading = asyncio.create_task(keep_reading(engine, done))
        writers = (keep_writing(engine, number, written) for number in range(WRITERS))
        await asyncio.gather(*writers)
        done.set()
        found = await reading
        assert len(found) == len(set(found)) == WRITERS * EACH
        assert set(found) == written

    play(settings, scenario)


def test_a_cursor_in_front_of_what_retention_took_has_expired(settings: Settings) -> None:
    monday = datetime(2002, 1, 7, tzinfo=UTC)

    async def scenario(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await ensure_partitions(connection, now=monday + WEEK, ahead=timedelta(0))
            tenant = await ensure_tenant(
                connection, "acme", max_inflight=10, webhook_secret="whsec_MfKQ9r8GKYqrTwjU"
            )
        cursors: list[Cursor] = []
        for _ in range(3):
            async with engine.begin() as connection:
                key = UUID(int=first_key(monday).int + len(cursors))
                await write(connection, tenant.id, key)
            async with single_statements(engine).connect() as connection:
                page = await read_feed(connection, tenant.id, START, limit=10)
                cursors.append(page.next)
        async with engine.begin() as connection:
            assert not await is_expired(connection, tenant.id, START)
        async with engine.begin() as connection:
            await drop_partitions_before(connection, before=monday + 2 * WEEK)
        async with engine.begin() as connection:
            expired = [
                await is_expired(connection, tenant.id, cursor) for cursor in [START, *cursors]
            ]
        # Who had seen everything that is gone has missed nothing.
        assert expired == [True, True, True, False]

    play(settings, scenario)
