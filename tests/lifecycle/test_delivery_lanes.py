"""Lanes wake, sleep and change: nothing owed is overlooked, nothing goes where it must not."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from infra.clock import SystemClock
from infra.postgres.endpoint_changes import delete_endpoint, disable_endpoint, enable_endpoint
from infra.postgres.endpoints import change_endpoint, get_endpoint
from infra.settings import Settings
from schemas.webhook_endpoint import EndpointConfig, origin_of
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.endpoints import Made
from tests.fixtures.receiver import Answer, Receiver
from worker.delivery.leases import IDLE_SECONDS
from worker.delivery.loop import DeliveryLoop
from worker.delivery.rounds import EVERY_SECONDS

MINUTE = timedelta(minutes=1)
HANG = Answer(hang=True)


class SetClock(SystemClock):
    """Runs as the machine's does, and can be set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@asynccontextmanager
async def running(loop: DeliveryLoop) -> AsyncGenerator[DeliveryLoop]:
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop, grace=timedelta(seconds=1)))
    try:
        yield loop
    finally:
        stop.set()
        await task


async def let_go(deliveries: Deliveries, loop: DeliveryLoop, clock: SetClock) -> None:
    """Let a loop find nothing for long enough to let its lane go."""
    await loop.look()
    clock.ahead += IDLE_SECONDS
    await loop.look()
    [lane] = await deliveries.lanes()
    assert (lane.owner, lane.next_due_at) == (None, None)


@pytest.mark.parametrize("doorbell", [True, False])
def test_a_wake_up_that_was_lost_delays_a_delivery_by_no_more_than_a_look(
    settings: Settings, doorbell: bool
) -> None:
    async def play() -> None:
        clock = SetClock()
        async with (
            open_deliveries(settings, clock=clock) as deliveries,
            Receiver() as receiver,
        ):
            await deliveries.owe(receiver.url)
            loop = deliveries.loop()
            await loop.look()
            await loop.settle()
            async with deliveries.observer.begin() as connection:
                # It saw the lane still due, and commits after it was let go.
                await deliveries.owe_within(connection, receiver.url)
                await let_go(deliveries, loop, clock)
            if doorbell:
                # It was looked at only now; the loop looks again as soon as it may.
                wait = await loop.look()
                assert wait <= 0.1
                clock.ahead += wait
                await loop.look()
            else:
                # Nobody looks until the lane is long forgotten, but for the round.
                clock.ahead += EVERY_SECONDS
                await loop.look()
                await loop.look()
            await receiver.wait_for(2, timeout=1)

    asyncio.run(play())


def test_the_round_finds_what_the_release_before_makes(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            await deliveries.owe(receiver.url)
            await deliveries.execute("DELETE FROM webhook_lane")
            async with running(deliveries.loop()):
                await receiver.wait_for(1, timeout=2)

    asyncio.run(play())


def test_a_lane_that_is_owned_is_not_written_for_what_it_is_owed(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            await deliveries.owe(receiver.url)
            loop = deliveries.loop()
            await loop.look()
            await loop.settle()
            [before] = await deliveries.execute("SELECT ctid, xmin FROM webhook_lane")
            await deliveries.owe(receiver.url, times=20)
            await loop.look()
            await loop.settle()
            [after] = await deliveries.execute("SELECT ctid, xmin FROM webhook_lane")
            assert before == after
            assert len(receiver.requests) >= 9

    asyncio.run(play())


@pytest.mark.parametrize("change", ["url", "delete", "disable"])
def test_nothing_begins_at_the_old_url_after_a_change_and_one_look(
    settings: Settings, change: str
) -> None:
    async def play() -> None:
        async with (
            Receiver(otherwise=HANG) as old,
            Receiver() as new,
            open_deliveries(settings, webhook_timeout=MINUTE) as deliveries,
        ):
            # The 64 in flight are more than genq allows to one address, unless it is told so.
            to = await deliveries.endpoint(old.url, max_in_flight=64)
            await deliveries.owe(old.url, to=to, times=100)
            loop = deliveries.loop()
            await loop.look()
            await old.wait_for(20)
            in_flight = len(old.requests)
            await apply(deliveries, to, change, new.url)
            await loop.look()
            began = len(old.requests)
            assert began <= 64
            async with running(loop):
                old.release()
                if change == "url":
                    await new.wait_for(100 - 64)
                await settled(deliveries, change)
            assert in_flight <= len(old.requests) <= 64
            if change != "url":
                assert new.requests == []

    asyncio.run(play())


def test_a_disabled_endpoint_keeps_what_it_is_owed_until_it_is_enabled(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            to = await deliveries.endpoint(receiver.url, disabled="by_hand")
            await deliveries.owe(receiver.url, to=to, times=3)
            await deliveries.deliver()
            await deliveries.deliver()
            [lane] = await deliveries.lanes()
            assert (lane.owner, lane.next_due_at) == (None, None)
            assert receiver.requests == []
            await apply(deliveries, to, "enable", receiver.url)
            await deliveries.deliver()
            assert len(receiver.requests) == 3

    asyncio.run(play())


def test_a_secret_that_cannot_be_opened_is_our_fault_and_stops_nobody_else(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            to = await deliveries.endpoint(receiver.url)
            await deliveries.execute("UPDATE webhook_secret SET sealed = '\\x01020304'")
            await deliveries.owe(receiver.url, to=to, times=3)
            await deliveries.owe(receiver.url)
            await deliveries.deliver()
            assert len(receiver.requests) == 1
            rows = await deliveries.rows()
            assert [row.attempt for row in rows] == [0, 0, 0]
            outcomes = {a.outcome: a.detail for a in await deliveries.attempts()}
            assert set(outcomes) == {"internal", "success"}
            assert "GENQ_SECRETS_KEY" in outcomes["internal"]

    asyncio.run(play())


def test_a_thousand_dead_receivers_of_one_tenant_keep_no_other_tenant_waiting(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with (
            Receiver(otherwise=HANG) as hung,
            Receiver() as healthy,
            open_deliveries(settings, webhook_timeout=MINUTE) as deliveries,
        ):
            await deliveries.owe(hung.url, tenant="evil")
            await deliveries.execute(DEAD_LANES, port=hung.port)
            loop = deliveries.loop(most=40, per_tenant=20, unproven=30)
            async with running(loop):
                # Of twenty places four are for those that answer.
                await hung.wait_for(16)
                for n in range(3):
                    await deliveries.owe(healthy.url)
                    loop.wake()
                    await healthy.wait_for(n + 1, timeout=1)
            assert hung.most_in_flight == 16

    asyncio.run(play())


DEAD_LANES = """
WITH one AS (SELECT * FROM delivery LIMIT 1),
owed AS (
  INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, next_at)
  SELECT uuidv7(), event_id, job_id, tenant_id, 'http://127.0.0.1:' || :port || '/' || n,
    'http://127.0.0.1:' || :port || '#' || n, now() - interval '1 minute'
  FROM one, generate_series(1, 1500) n RETURNING lane_id, tenant_id, origin)
INSERT INTO webhook_lane (id, tenant_id, origin, next_due_at)
SELECT lane_id, tenant_id, origin, now() - interval '1 minute' FROM owed
"""


async def apply(deliveries: Deliveries, to: Made, change: str, url: str) -> None:
    """Change an endpoint as the API does."""
    tenant_id = to.endpoint.tenant_id
    async with deliveries.observer.begin() as connection:
        endpoint = await get_endpoint(connection, tenant_id, to.id, lock=True)
        assert endpoint is not None
        if change == "delete":
            await delete_endpoint(connection, tenant_id, to.id)
        elif change == "disable":
            await disable_endpoint(connection, endpoint, "by_hand")
        elif change == "enable":
            await enable_endpoint(connection, endpoint)
        else:
            config = endpoint.config
            changed = EndpointConfig(config.name, url, config.event_types)
            assert origin_of(url) == changed.origin
            await change_endpoint(connection, endpoint, changed)
    await deliveries.execute("UPDATE webhook_lane SET next_due_at = now()")


async def settled(deliveries: Deliveries, change: str) -> None:
    """Wait until every attempt is recorded that was under way at the change."""
    async with asyncio.timeout(10):
        while len(await deliveries.rows()) > (36 if change == "disable" else 0):
            pass
