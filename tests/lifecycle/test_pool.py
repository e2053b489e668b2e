"""The pool: a message is taken for a free slot only, and no end of a worker loses one."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from infra.broker import TASK_NAME
from schemas.lanes import Lane
from tests.fixtures.brokers import Broker, on_every_broker
from tests.fixtures.pool_worker import BAD_LUCK
from tests.fixtures.pool_workers import PoolWorkers, pool_workers

pytestmark = on_every_broker

Scene = Callable[[PoolWorkers], Awaitable[None]]


def play(broker_url: str, scene: Scene) -> None:
    async def inside() -> None:
        async with asyncio.timeout(90), pool_workers(broker_url) as workers:
            await scene(workers)

    asyncio.run(inside())


def test_every_message_is_run_with_all_its_pointers_in_order(broker: Broker) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=10)

        sent = await workers.publish(3, 1, 2)

        assert [await worker.hears("started") for _ in sent] == sent
        worker.let_end(3)
        assert sorted([await worker.hears("ended") for _ in sent]) == sorted(sent)

    play(broker.url, scene)


def test_a_message_of_many_jobs_takes_as_many_slots_and_the_next_goes_to_another_worker(
    broker: Broker,
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

    play(broker.url, scene)


def test_a_message_may_begin_in_the_last_free_slot(broker: Broker) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4)

        small, large, too_much = await workers.publish(3, 3, 1)
        begun = [await worker.hears("started"), await worker.hears("started")]
        left = await workers.waiting()

        assert (begun, left) == ([small, large], too_much)

    play(broker.url, scene)


def test_a_worker_that_is_full_leaves_every_lane_to_others_until_a_slot_falls_free(
    broker: Broker,
) -> None:
    async def scene(workers: PoolWorkers) -> None:
        full = await workers.start(slots=2)
        (one, two) = await workers.publish(1, 1)
        assert [await full.hears("started"), await full.hears("started")] == [one, two]

        # Before the full one can have said to its broker that it is.
        others = [(await workers.publish(1, lane=lane))[0] for lane in Lane]
        free = await workers.start(slots=4)
        taken = [await free.hears("started") for _ in others]
        (later,) = await workers.publish(1, lane=Lane.BATCH)
        waits = await workers.waiting(Lane.BATCH)
        full.let_end()

        assert sorted(taken) == sorted(others)
        assert waits == later
        assert await full.hears("started") == later

    play(broker.url, scene)


def test_a_slot_that_falls_free_takes_the_next_message_at_once(broker: Broker) -> None:
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

    play(broker.url, scene)


def test_a_broker_that_restarts_stops_neither_what_runs_nor_what_comes(
    broker: Broker,
) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4)
        (running,) = await workers.publish(1)
        await worker.hears("started")

        await asyncio.to_thread(broker.cut_all_connections)
        (later,) = await workers.publish(1)

        assert await worker.hears("started") == later
        worker.let_end(2)
        ended = [await worker.hears("ended"), await worker.hears("ended")]
        assert sorted(ended) == sorted([running, later])

    play(broker.url, scene)


def test_a_warm_shutdown_lets_attempts_end_and_takes_nothing_new(broker: Broker) -> None:
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

    play(broker.url, scene)


def test_an_idle_worker_stops_at_once(broker: Broker) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4)

        worker.tell(signal.SIGTERM)

        await worker.hears("stopped")
        assert await worker.exit_code() == 0

    play(broker.url, scene)


def test_attempts_that_outlast_the_grace_are_interrupted(broker: Broker) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=4, grace=timedelta(milliseconds=300))
        (running,) = await workers.publish(2)
        await worker.hears("started")

        worker.tell(signal.SIGTERM)

        assert await worker.hears("interrupted") == running
        await worker.hears("stopped")
        assert await worker.exit_code() == 0

    play(broker.url, scene)


@pytest.mark.parametrize("signals", [[signal.SIGQUIT], [signal.SIGTERM, signal.SIGQUIT]])
def test_a_cold_shutdown_interrupts_at_once_and_stops_once(
    broker: Broker, signals: list[signal.Signals]
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
        rest = await worker.rest()
        assert "TimeoutError" not in rest
        assert "@stopped" not in rest

    play(broker.url, scene)


def test_a_message_whose_run_fails_gives_its_slot_back(broker: Broker) -> None:
    async def scene(workers: PoolWorkers) -> None:
        worker = await workers.start(slots=1)

        (unlucky,) = await workers.publish(1, fence=BAD_LUCK)
        (lucky,) = await workers.publish(1)

        assert await worker.hears("started") == unlucky
        assert await worker.hears("started") == lucky

    play(broker.url, scene)


def test_messages_that_make_no_sense_do_not_end_the_worker(broker: Broker) -> None:
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

    play(broker.url, scene)
