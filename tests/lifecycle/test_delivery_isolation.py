"""A receiver that is slow, dead or flooded keeps nobody else waiting."""

import asyncio
from collections import Counter
from datetime import timedelta

from infra.settings import Settings
from tests.fixtures.deliveries import open_deliveries
from tests.fixtures.receiver import Answer, Receiver
from worker.delivery.leases import WINDOW

HANG = Answer(hang=True)
MINUTE = timedelta(minutes=1)


def test_a_hung_receiver_does_not_delay_a_healthy_one(settings: Settings) -> None:
    async def play() -> None:
        async with (
            Receiver(otherwise=HANG) as hung,
            Receiver() as healthy,
            open_deliveries(settings, webhook_timeout=MINUTE) as deliveries,
        ):
            await deliveries.owe(hung.url, times=40)
            await deliveries.owe(healthy.url, times=30)
            loop = deliveries.loop(per_lane=4)
            stop = asyncio.Event()
            running = asyncio.create_task(loop.run(stop, grace=timedelta()))
            await healthy.wait_for(30)
            await hung.wait_for(4)
            assert len(hung.requests) == hung.in_flight == 4
            assert healthy.most_in_flight <= 4
            stop.set()
            await running
            assert len(await deliveries.rows()) == 40

    asyncio.run(play())


def test_a_wall_of_older_deliveries_does_not_hide_a_newer_one(settings: Settings) -> None:
    async def play() -> None:
        async with (
            Receiver(otherwise=HANG) as hung,
            Receiver() as healthy,
            open_deliveries(settings, webhook_timeout=MINUTE) as deliveries,
        ):
            await deliveries.owe(hung.url, times=WINDOW + 20)
            loop = deliveries.loop(per_lane=2)
            await loop.look()
            await hung.wait_for(2)
            await deliveries.owe(healthy.url)
            await loop.look()
            await healthy.wait_for(1)
            assert hung.in_flight == 2

    asyncio.run(play())


def test_lanes_take_turns_when_there_are_fewer_places_than_lanes(settings: Settings) -> None:
    async def play() -> None:
        tenants = ("north", "east", "south")
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            for tenant in tenants:
                await deliveries.owe(f"{receiver.url}?{tenant}", times=50, tenant=tenant)
            loop = deliveries.loop(most=2)
            await deliveries.deliver(loop)
            await deliveries.deliver(loop)
            paths = [request.path for request in receiver.requests]
            for sent in (paths[:12], paths):
                served = Counter(sent)
                assert set(served) == {f"/hook?{tenant}" for tenant in tenants}
                assert max(served.values()) - min(served.values()) <= 2

    asyncio.run(play())


def test_a_lane_that_times_out_is_asked_less_at_once(settings: Settings) -> None:
    async def play() -> None:
        brief = timedelta(milliseconds=100)
        async with (
            Receiver(otherwise=HANG) as hung,
            open_deliveries(settings, webhook_timeout=brief) as deliveries,
        ):
            await deliveries.owe(hung.url, times=9)
            loop = deliveries.loop(per_lane=8)
            await deliveries.deliver(loop)
            assert len(hung.requests) == 8
            await deliveries.deliver(loop)
            assert len(hung.requests) == 8
            await deliveries.age(timedelta(seconds=10))
            await deliveries.deliver(loop)
            assert len(hung.requests) == 9
            [row, *_] = await deliveries.rows()
            assert timedelta(seconds=40) < row.due_in <= timedelta(seconds=60)
            assert {a.outcome for a in await deliveries.attempts()} == {"timeout"}

    asyncio.run(play())


def test_a_full_lane_is_refilled_without_a_doorbell(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            await deliveries.owe(receiver.url, times=100)
            stop = asyncio.Event()
            loop = deliveries.loop(per_lane=8)
            running = asyncio.create_task(loop.run(stop, grace=MINUTE))
            # At one look per idle poll this would take 12 seconds and more.
            await receiver.wait_for(100, timeout=4)
            stop.set()
            await running
            assert await deliveries.rows() == []
            assert receiver.most_in_flight <= 8

    asyncio.run(play())
