"""What one worker learns of a model server, all workers and dispatchers know."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import redis
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from infra.clock import SystemClock
from infra.doorbells import CLOSED, Doorbells
from infra.postgres.engine import engine_url, transaction
from infra.postgres.server_limits import close_servers, closed_servers
from infra.settings import Settings
from schemas.errors import ModelRateLimitedError
from schemas.generation import Kind
from schemas.model_catalog import ModelServer, ModelSpec
from tests.fixtures.until import until
from worker.gate import Gate, open_gate
from worker.pipeline.server_doors import ServerDoors
from worker.server_news import ServerNews

SERVER: Final = ModelServer(
    name="kites",
    base_url="http://127.0.0.1:1/v1",
    models=(ModelSpec(name="m", kind=Kind.IMAGE),),
)
MINUTE: Final = timedelta(minutes=1)


class House:
    """PostgreSQL, Valkey, and workers' gates as needed."""

    def __init__(
        self, settings: Settings, engine: AsyncEngine, closing: AsyncExitStack
    ) -> None:
        self.settings = settings.model_copy(update={"model_servers": (SERVER,)})
        self.engine = engine
        self._closing = closing

    async def gate(self) -> Gate:
        return await self._closing.enter_async_context(
            open_gate(self.settings, self.engine, await self.doorbells())
        )

    async def news(self, engine: AsyncEngine) -> ServerNews:
        clock = SystemClock()
        doors = ServerDoors(("kites",), clock)
        return ServerNews(engine, await self.doorbells(), doors, clock)

    async def doorbells(self) -> Doorbells:
        return await self._closing.enter_async_context(Doorbells(self.settings.doorbell_url()))

    async def rows(self, statement: str = "SELECT key FROM limiter") -> list[Any]:
        async with transaction(self.engine) as connection:
            return list((await connection.execute(text(statement))).all())


@asynccontextmanager
async def house(settings: Settings) -> AsyncGenerator[House]:
    async with AsyncExitStack() as closing:
        engine = create_async_engine(engine_url(settings.database_url.get_secret_value()))
        closing.push_async_callback(engine.dispose)
        yield House(settings, engine, closing)


def play(settings: Settings, scene: Callable[[House], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), house(settings) as built:
            await scene(built)

    asyncio.run(run())


def listening(settings: Settings, workers: int) -> Callable[[], bool]:
    def look() -> bool:
        with redis.Redis.from_url(settings.doorbell_url()) as client:
            counts: Any = client.pubsub_numsub(CLOSED)
            return bool(counts[0][1] == workers)

    return look


def test_a_pause_that_one_worker_is_asked_for_closes_the_server_for_all(
    settings: Settings,
) -> None:
    async def scene(house: House) -> None:
        one, two = await house.gate(), await house.gate()
        await until(listening(settings, 2), "both listen")

        one.refused(SERVER, ModelRateLimitedError("slow", retry_after=MINUTE))

        assert one.wait(SERVER) > timedelta(0)
        await until(lambda: two.wait(SERVER) > timedelta(seconds=58), "the other knows")

    play(settings, scene)


def test_dispatchers_find_it_in_the_servers_limiter_row(settings: Settings) -> None:
    async def scene(house: House) -> None:
        gate = await house.gate()
        gate.refused(SERVER, ModelRateLimitedError("slow", retry_after=MINUTE))

        rows: list[Any] = []
        while not rows:
            rows = await house.rows(
                "SELECT key, tat = '-infinity' AS untouched, burst, "
                "closed_until - clock_timestamp() AS left FROM limiter"
            )

        assert [(row.key, row.untouched, row.burst) for row in rows] == [
            ("server:kites", True, 0)
        ]
        # A little longer than asked for, so that what follows at once is covered.
        assert timedelta(seconds=55) < rows[0].left <= timedelta(seconds=60.25)

    play(settings, scene)


def test_a_worker_that_starts_knows_what_is_closed(settings: Settings) -> None:
    async def scene(house: House) -> None:
        async with transaction(house.engine) as connection:
            await close_servers(connection, {"kites": MINUTE, "another": MINUTE})

        gate = await house.gate()

        assert timedelta(seconds=55) < gate.wait(SERVER) <= MINUTE

    play(settings, scene)


def test_a_worker_that_heard_nothing_for_a_while_looks_when_it_hears_again(
    settings: Settings,
) -> None:
    async def scene(house: House) -> None:
        gate = await house.gate()
        await until(listening(settings, 1), "it listens")
        async with transaction(house.engine) as connection:
            await close_servers(connection, {"kites": MINUTE})
        assert gate.wait(SERVER) == timedelta(0)

        with redis.Redis.from_url(settings.doorbell_url()) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

        await until(lambda: gate.wait(SERVER) > timedelta(seconds=55), "it looked")

    play(settings, scene)


def test_many_refusals_at_once_are_one_write(settings: Settings) -> None:
    async def scene(house: House) -> None:
        news = await house.news(house.engine)
        writes: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "INSERT INTO limiter" in statement:
                writes.append(statement)

        event.listen(house.engine.sync_engine, "before_cursor_execute", note)

        for pause in (MINUTE, timedelta(seconds=59), timedelta(seconds=60.01), 2 * MINUTE):
            for _ in range(100):
                news.tell("kites", pause)
            while news._writer and not news._writer.done():
                await asyncio.wait([news._writer])

        # What opens no later than everybody knows already is no change.
        assert len(writes) == 2

    play(settings, scene)


def test_a_crowd_at_the_gate_is_told_to_dispatchers_and_to_no_worker(
    settings: Settings,
) -> None:
    async def scene(house: House) -> None:
        news = await house.news(house.engine)
        doorbells = await house.doorbells()
        async with doorbells.listen(CLOSED) as bell:
            await bell.wait(10)

            news.tell("kites", MINUTE, aloud=False)
            while not await house.rows():
                pass
            news.tell("kites", MINUTE / 2)

            heard = await bell.wait(10)
        await news.close()
        # The first that workers hear is the second, although the first was longer.
        assert heard is not None
        name, milliseconds = heard.message.split()
        assert name == "kites"
        assert 25_000 < int(milliseconds) <= 30_250

    play(settings, scene)


def test_a_longer_pause_is_written_and_a_shorter_one_changes_nothing(
    settings: Settings,
) -> None:
    async def scene(house: House) -> None:
        for pause in (MINUTE, timedelta(seconds=1), 2 * MINUTE, MINUTE):
            async with transaction(house.engine) as connection:
                await close_servers(connection, {"kites": pause})

        async with transaction(house.engine) as connection:
            closed = await closed_servers(connection, ["kites", "unknown"])
        assert list(closed) == ["kites"]
        assert timedelta(seconds=115) < closed["kites"] <= 2 * MINUTE

    play(settings, scene)


def test_a_pause_that_could_not_be_written_is_written_later(settings: Settings) -> None:
    async def scene(house: House) -> None:
        nowhere = engine_url("postgresql://nobody@127.0.0.1:1/x")
        news = await house.news(create_async_engine(nowhere))
        news.tell("kites", MINUTE)
        await until(lambda: bool(news._writer), "it tries")

        news._engine = house.engine
        while not await house.rows():
            pass
        await news.close()

    play(settings, scene)


def test_rings_that_mean_nothing_do_no_harm(settings: Settings) -> None:
    async def scene(house: House) -> None:
        gate = await house.gate()
        doorbells = await house.doorbells()
        await until(listening(settings, 1), "it listens")

        for message in ("kites", "kites soon", "kites -1", "unknown 1000", " ", "kites 1e9"):
            await doorbells.ring(CLOSED, message)
        assert gate.wait(SERVER) == timedelta(0)
        await doorbells.ring(CLOSED, "kites 60000")

        await until(lambda: gate.wait(SERVER) > timedelta(seconds=55), "it still hears")

    play(settings, scene)
