"""The pool on RabbitMQ, which gives up on clients that seem dead, here after seconds."""

import asyncio
import signal

from tests.fixtures.brokers import Broker, on_rabbitmq
from tests.fixtures.pool_workers import PoolWorkers, pool_workers
from tests.fixtures.rabbit_server import PATIENCE_SECONDS, RabbitServer


@on_rabbitmq
def test_rabbitmq_waits_for_workers_that_are_full_or_drain_for_long(
    broker: Broker, rabbit: RabbitServer
) -> None:
    async def scene(workers: PoolWorkers) -> None:
        before = rabbit.complaints()
        draining = await workers.start(slots=1)
        (first,) = await workers.publish(1)
        assert await draining.hears("started") == first
        full = await workers.start(slots=1)
        (second,) = await workers.publish(1)
        assert await full.hears("started") == second
        draining.tell(signal.SIGTERM)
        await draining.hears("draining")

        await asyncio.sleep(PATIENCE_SECONDS + 3)  # sleeps: until RabbitMQ gives others up
        draining.let_end()
        assert await draining.hears("ended") == first
        assert await draining.exit_code() == 0
        full.let_end()
        (third,) = await workers.publish(1)
        assert await full.hears("started") == third

        assert rabbit.complaints() == before

    async def inside() -> None:
        async with asyncio.timeout(90), pool_workers(broker.url) as workers:
            await scene(workers)

    asyncio.run(inside())
