"""A worker is alive while it renews its session; when it cannot, it is the first to know."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from infra.postgres.engine import create_engine
from infra.settings import Settings
from schemas.errors import DatabaseUnavailableError
from tests.fixtures.kept_sessions import KeptSession, kept_session
from worker.session import SessionKeeper

Scene = Callable[[KeptSession], Awaitable[None]]


def play(settings: Settings, scene: Scene) -> None:
    async def inside() -> None:
        async with asyncio.timeout(60), kept_session(settings) as kept:
            await scene(kept)

    asyncio.run(inside())


def test_a_worker_says_who_it_is_and_what_it_takes(settings: Settings) -> None:
    async def scene(kept: KeptSession) -> None:
        row = await kept.row()

        assert (row.host, row.pid) == (socket.gethostname(), os.getpid())
        assert (row.slots, row.lanes, row.draining) == (settings.slots, [1, 4], False)

    play(settings, scene)


def test_a_session_that_is_renewed_outlives_its_time_and_stays_the_same(
    settings: Settings,
) -> None:
    async def scene(kept: KeptSession) -> None:
        first = kept.keeper.id
        loop = asyncio.get_running_loop()
        whole_life = loop.time() + 1.2 * settings.session_ttl.total_seconds()

        while loop.time() < whole_life:
            await kept.renewed()

        assert (kept.keeper.id, kept.losses) == (first, 0)
        assert len(await kept.sql("SELECT 1 FROM session")) == 1

    play(settings, scene)


@pytest.mark.parametrize(
    "death",
    ["UPDATE session SET expires_at = now() - interval '1 ms'", "DELETE FROM session"],
)
def test_a_session_that_died_is_given_up_and_a_new_one_begins(
    settings: Settings, death: str
) -> None:
    async def scene(kept: KeptSession) -> None:
        first = kept.keeper.id

        await kept.sql(death)
        await kept.lost.wait()
        await kept.until("there is a new session", kept.has_session)

        assert kept.keeper.id != first
        assert kept.losses == 1
        await kept.renewed()
        alive = await kept.sql("SELECT id FROM session WHERE expires_at > clock_timestamp()")
        assert [row.id for row in alive] == [kept.keeper.id]

    play(settings, scene)


def test_connections_that_break_are_not_noticed(settings: Settings) -> None:
    async def scene(kept: KeptSession) -> None:
        first = kept.keeper.id

        cut = await kept.cut_connections()
        await kept.renewed()

        assert cut >= 1
        assert (kept.keeper.id, kept.losses) == (first, 0)

    play(settings, scene)


def test_a_database_that_stands_still_for_less_than_a_sessions_life_is_not_noticed(
    settings: Settings,
) -> None:
    patient = settings.model_copy(update={"session_ttl": timedelta(seconds=10)})

    async def scene(kept: KeptSession) -> None:
        first = kept.keeper.id
        renewals_missed = asyncio.Event()
        asyncio.get_running_loop().call_later(3, renewals_missed.set)

        async with kept.database_stands_still():
            await renewals_missed.wait()
        await kept.renewed()

        assert (kept.keeper.id, kept.losses) == (first, 0)

    play(patient, scene)


def test_a_worker_that_cannot_renew_fences_itself_before_its_session_expires(
    settings: Settings,
) -> None:
    slower = settings.model_copy(update={"session_ttl": timedelta(seconds=5)})
    left = text("SELECT min(expires_at) - clock_timestamp() FROM session")

    async def scene(kept: KeptSession) -> None:
        first = kept.keeper.id

        async with kept.database_stands_still() as look:
            await kept.lost.wait()
            life_left = (await look.execute(left)).scalar_one()
            without = kept.keeper.id

        assert life_left > timedelta(0)
        assert (without, kept.losses) == (None, 1)
        await kept.until("there is a new session", kept.has_session)
        assert kept.keeper.id != first

    play(slower, scene)


def test_a_draining_worker_says_so_in_this_session_and_in_the_next(settings: Settings) -> None:
    async def scene(kept: KeptSession) -> None:
        await kept.keeper.drain()
        before = await kept.row()
        await kept.sql("DELETE FROM session")
        await kept.lost.wait()
        await kept.until("there is a new session", kept.has_session)

        after = await kept.row()

        assert (before.draining, after.draining) == (True, True)
        assert before.id != after.id

    play(settings, scene)


def test_a_draining_worker_still_renews_for_what_it_runs(settings: Settings) -> None:
    async def scene(kept: KeptSession) -> None:
        await kept.keeper.drain()

        await kept.renewed()

        assert (await kept.row()).draining

    play(settings, scene)


def test_a_renewal_tells_which_running_jobs_were_cancelled_and_can_be_hurried(
    settings: Settings,
) -> None:
    patient = settings.model_copy(update={"session_ttl": timedelta(minutes=5)})

    async def scene(kept: KeptSession) -> None:
        (job,) = await kept.sql(
            "INSERT INTO live (job_id, lane, tenant_id, state, priority, session_id, cancel)"
            " VALUES (uuidv7(), 1, 1, 4, 5, :session, true) RETURNING job_id",
            session=kept.keeper.id,
        )

        kept.keeper.hurry()
        await kept.until("the worker was told", kept.was_told)

        assert kept.cancelled == {job.job_id}

    play(patient, scene)


def test_routes_that_are_slow_to_read_hold_up_no_renewal(settings: Settings) -> None:
    patient = settings.model_copy(update={"session_ttl": timedelta(minutes=5)})
    told: list[int] = []
    ended = asyncio.Event()

    async def slow(changes: int) -> None:
        told.append(changes)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def scene(kept: KeptSession) -> None:
        first = kept.keeper.id
        kept.keeper._on_routes = slow
        for _ in range(3):
            before = await kept.row()
            later = partial(kept._later, before.id, before.expires_at)
            kept.keeper.hurry()
            await kept.until("the session is renewed", later)

        assert (kept.keeper.id, kept.losses, told) == (first, 0, [0])
        await kept.keeper.close()
        assert ended.is_set()

    play(patient, scene)


def test_close_ends_the_session_and_opens_no_other(settings: Settings) -> None:
    async def scene(kept: KeptSession) -> None:
        await kept.keeper.close()

        assert await kept.sql("SELECT 1 FROM session") == []
        assert kept.losses == 0

    play(settings, scene)


def test_without_a_database_a_worker_does_not_start(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    nowhere = settings.model_copy(
        update={"database_url": SecretStr(f"postgresql://127.0.0.1:{port}/genq")}
    )

    async def start() -> None:
        engine = create_engine(nowhere, process="work")
        keeper = SessionKeeper(
            engine,
            nowhere,
            lanes=(),
            on_lost=lambda: None,
            orphans=lambda _: [],
            on_cancelled=lambda _: None,
        )
        with pytest.raises(DatabaseUnavailableError):
            await keeper.start()
        await keeper.close()
        await engine.dispose()
        assert keeper.id is None

    asyncio.run(start())
