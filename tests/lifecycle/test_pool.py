"""The pool: a message is taken for a free slot only, and no end of a worker loses one."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import redis

from infra.broker import TASK_NAME
from schemas.lanes import Lane
from tests.fixtures.pool_worker import BAD_LUCK
from tests.fixtures.pool_workers import PoolWorkers, pool_workers

Scene = Callable[[PoolWorkers], Awaitable[None]]


def play(valkey_url: str, scene: Scene) -> None:
    async def inside() -> None:
        async with asyncio.timeout(90), pool_workers(valkey_url) as workers:
            await scene(workers)

    asyncio.run(inside())


def test_every_message_is_run_with_all_its_pointers_in_order(valkey_url: str) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=10)

        sent = await workers.publish(3, 1, 2)

        assert [await worker.hears("started") for _ in sent] == sent
        worker.let_end(3)
        assert sorted([await worker.hears("ended") for _ in sent]) == sorted(sent)

    play(valkey_url, scene)


def test_a_message_of_many_jobs_takes_as_many_slots_and_the_next_goes_to_another_worker(
    valkey_url: str,
) -> None:
    async def scene(workers: PoolWorkers) -> None:
        first = await workers.start(slots=4)
        (large,) = await workers.publish(4)
        assert await first.hears("started") == large

        one, two = await workers.publish(1, 1)
        second = await workers.start(slots=4)

        assert await second.hears("started") == one
        assert await second.hears("started") == two
        first.let_end()
        assert await first.hears("ended") == large

    play(valkey_url, scene)


def test_a_message_may_begin_in_the_last_free_slot(valkey_url: str) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4)

        small, large, too_much = await workers.publish(3, 3, 1)
        begun = [await worker.hears("started"), await worker.hears("started")]
        left = await workers.waiting()

        assert (begun, left) == ([small, large], too_much)

    play(valkey_url, scene)


def test_a_slot_that_falls_free_takes_the_next_message_at_once(valkey_url: str) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=1)
        loop = asyncio.get_running_loop()
        sent = await workers.publish(*[1] * 50)
        begun = loop.time()

        for jobs in sent:
            assert await worker.hears("started") == jobs
            worker.let_end()

        # Were the worker not woken, each would wait for a timer of a second or more.
        assert loop.time() - begun < 15

    play(valkey_url, scene)


def test_a_broker_that_restarts_stops_neither_what_runs_nor_what_comes(
    valkey_url: str,
) -> None:
    def cut_all_connections() -> None:
        with redis.Redis.from_url(valkey_url) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")

    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4)
        (running,) = await workers.publish(1)
        await worker.hears("started")

        await asyncio.to_thread(cut_all_connections)
        (later,) = await workers.publish(1)

        assert await worker.hears("started") == later
        worker.let_end(2)
        ended = [await worker.hears("ended"), await worker.hears("ended")]
        assert sorted(ended) == sorted([running, later])

    play(valkey_url, scene)


def test_a_warm_shutdown_lets_attempts_end_and_takes_nothing_new(valkey_url: str) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4)
        (running,) = await workers.publish(1)
        await worker.hears("started")

        worker.tell(signal.SIGTERM)
        await worker.hears("draining")
        await workers.publish(1)
        worker.let_end()

        assert await worker.hears("ended") == running
        await worker.hears("stopped")
        assert await worker.exit_code() == 0
        assert len([line for line in worker.said if line.startswith("@started")]) == 1
        assert not any(line.startswith("@interrupted") for line in worker.said)

    play(valkey_url, scene)


def test_an_idle_worker_stops_at_once(valkey_url: str) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4)

        worker.tell(signal.SIGTERM)

        await worker.hears("stopped")
        assert await worker.exit_code() == 0

    play(valkey_url, scene)


def test_attempts_that_outlast_the_grace_are_interrupted(valkey_url: str) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4, grace=timedelta(milliseconds=300))
        (running,) = await workers.publish(2)
        await worker.hears("started")

        worker.tell(signal.SIGTERM)

        assert await worker.hears("interrupted") == running
        await worker.hears("stopped")
        assert await worker.exit_code() == 0

    play(valkey_url, scene)


@pytest.mark.parametrize("signals", [[signal.SIGQUIT], [signal.SIGTERM, signal.SIGQUIT]])
def test_a_cold_shutdown_interrupts_at_once_and_stops_once(
    valkey_url: str, signals: list[signal.Signals]
) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4, grace=timedelta(minutes=10))
        (running,) = await workers.publish(1)
        await worker.hears("started")

        for number in signals[:-1]:
            worker.tell(number)
            await worker.hears("draining")
        worker.tell(signals[-1])

        assert await worker.hears("interrupted") == running
        await worker.hears("stopped")
        rest = (await worker.process.communicate())[0].decode()
        assert "TimeoutError" not in rest
        assert "@stopped" not in rest

    play(valkey_url, scene)


def test_a_message_whose_run_fails_gives_its_slot_back(valkey_url: str) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=1)

        (unlucky,) = await workers.publish(1, fence=BAD_LUCK)
        (lucky,) = await workers.publish(1)

        assert await worker.hears("started") == unlucky
        assert await worker.hears("started") == lucky

    play(valkey_url, scene)


def test_messages_that_make_no_sense_do_not_end_the_worker(valkey_url: str) -> None:
    def publish_nonsense(workers: PoolWorkers) -> None:
        celery: Any = vars(workers.publisher)["_app"]
        nonsense: list[tuple[Any, ...]] = [
            (),
            (7,),
            ([["x", 1]],),
            ([[1]],),
            ([["019aa0c5-4b10-7cc3-9f2e-5d0f6b8a1c2d", "x"]],),
            ([], []),
        ]
        for arguments in nonsense:
            celery.send_task(TASK_NAME, arguments, queue=Lane.FAST.queue)
        celery.send_task("somebody.elses", (), queue=Lane.FAST.queue)

    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=1)
        await asyncio.to_thread(publish_nonsense, workers)

        (sent,) = await workers.publish(1)

        while (started := await worker.hears("started")) == []:
            worker.let_end()
        assert started == sent

    play(valkey_url, scene)
