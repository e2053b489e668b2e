"""No delivery is lost, and none is sent twice at once, whichever process stops or dies."""

import asyncio
from collections import Counter
from datetime import timedelta

from infra.postgres.delivery import Owed
from infra.settings import Settings
from schemas.receiver import Receiver as Hooked
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.receiver import Answer, Receiver
from worker.delivery.schedule import Result

MINUTE = timedelta(minutes=1)


class StuckSender:
    """Sends, and does not come back to say so before it is told: a process that was paused."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._sender = deliveries.sender
        self.sent = asyncio.Event()
        self.go_on = asyncio.Event()

    async def send(self, owed: Owed, receiver: Hooked) -> Result:
        result = await self._sender.send(owed, receiver)
        self.sent.set()
        await self.go_on.wait()
        return result


class BrokenSender:
    """Has a defect."""

    async def send(self, owed: Owed, receiver: Hooked) -> Result:
        raise ZeroDivisionError


def test_processes_share_the_lanes_and_send_everything_once(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            for n in range(10):
                await deliveries.owe(receiver.url, times=15, tenant=f"tenant-{n}")
            stop = asyncio.Event()
            running = [
                asyncio.create_task(deliveries.loop().run(stop, grace=MINUTE)) for _ in range(3)
            ]
            await receiver.wait_for(150)
            stop.set()
            await asyncio.gather(*running)
            assert await deliveries.rows() == []
            times = Counter(r.headers["webhook-id"] for r in receiver.requests)
            assert set(times.values()) == {1}
            assert {r.headers["genq-attempt"] for r in receiver.requests} == {"1"}

    asyncio.run(play())


def test_two_processes_never_own_one_lane(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            for n in range(40):
                await deliveries.owe("http://127.0.0.1:9/hook", tenant=f"tenant-{n}")
            stuck = StuckSender(deliveries)
            loops = [deliveries.loop(sender=stuck) for _ in range(4)]
            await asyncio.gather(*[loop.look() for loop in loops])
            lanes = await deliveries.lanes()
            assert [lane.fence for lane in lanes] == [1] * 40
            assert sum(len(loop.owned) for loop in loops) == 40
            assert len({lane for loop in loops for lane in loop.owned}) == 40

    asyncio.run(play())


def test_what_a_dead_process_sent_without_saying_so_is_sent_again_under_the_same_id(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            [owing] = await deliveries.owe(receiver.url)
            stuck = StuckSender(deliveries)
            await deliveries.loop(sender=stuck).look()
            await stuck.sent.wait()
            # Nobody else may send while the lease lasts…
            await deliveries.deliver()
            assert len(receiver.requests) == 1
            # …and when it has run out, the next one does.
            await deliveries.age(MINUTE)
            await deliveries.deliver()
            requests = await receiver.wait_for(2)
            assert {r.headers["webhook-id"] for r in requests} == {owing.webhook_id}
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_what_a_paused_owner_says_after_its_lane_was_taken_over_changes_nothing(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with (
            open_deliveries(settings) as deliveries,
            Receiver(Answer(), otherwise=Answer(500)) as receiver,
        ):
            await deliveries.owe(receiver.url)
            stuck = StuckSender(deliveries)
            paused = deliveries.loop(sender=stuck)
            await paused.look()
            await stuck.sent.wait()
            await deliveries.age(MINUTE)
            next_one = deliveries.loop()
            await next_one.look()
            await next_one.settle()
            [before] = await deliveries.rows()
            # What it sent was taken, but it comes too late to say so.
            stuck.go_on.set()
            await paused.settle()
            [row] = await deliveries.rows()
            assert (row.fence, row.next_at) == (before.fence, before.next_at)
            [attempt] = await deliveries.attempts()
            assert attempt.outcome == "http_500"
            assert paused.owned == set()
            assert len(next_one.owned) == 1

    asyncio.run(play())


def test_a_stopping_process_hands_back_what_it_could_not_finish(settings: Settings) -> None:
    async def play() -> None:
        async with (
            Receiver(Answer(hang=True)) as receiver,
            open_deliveries(settings) as deliveries,
        ):
            [owing] = await deliveries.owe(receiver.url)
            loop = deliveries.loop()
            await loop.look()
            await receiver.wait_for(1)
            await loop.stop(timedelta())
            [row] = await deliveries.rows()
            assert (row.fence, row.attempt) == (0, 0)
            await deliveries.deliver()
            requests = await receiver.wait_for(2)
            assert {r.headers["webhook-id"] for r in requests} == {owing.webhook_id}
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_a_stopping_process_finishes_what_ends_in_time(settings: Settings) -> None:
    async def play() -> None:
        slow = Answer(delay=timedelta(milliseconds=200))
        async with open_deliveries(settings) as deliveries, Receiver(slow) as receiver:
            await deliveries.owe(receiver.url)
            loop = deliveries.loop()
            await loop.look()
            await receiver.wait_for(1)
            await loop.stop(MINUTE)
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_a_defect_costs_a_pause_and_no_step(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            await deliveries.owe("http://127.0.0.1:9/hook")
            await deliveries.deliver(deliveries.loop(sender=BrokenSender()))
            [row] = await deliveries.rows()
            assert row.attempt == 0
            assert timedelta(seconds=5) < row.due_in <= timedelta(seconds=10)
            [attempt] = await deliveries.attempts()
            assert attempt.outcome == "internal"

    asyncio.run(play())


def test_deliveries_go_on_after_postgresql_cut_every_connection(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            stop = asyncio.Event()
            running = asyncio.create_task(deliveries.loop().run(stop, grace=MINUTE))
            await deliveries.owe(receiver.url, times=20)
            await receiver.wait_for(1)
            for _ in range(3):
                await deliveries.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'genq deliver'"
                )
            await deliveries.owe(receiver.url)
            await asyncio.wait_for(all_taken(deliveries, 21, receiver), 15)
            stop.set()
            await running
            ids = {r.headers["webhook-id"] for r in receiver.requests}
            assert len(ids) == 21

    asyncio.run(play())


async def all_taken(deliveries: Deliveries, n: int, receiver: Receiver) -> None:
    await receiver.wait_for(n)
    while await deliveries.rows():
        # What was in flight in the cut waits for its lease.
        await deliveries.age(MINUTE)
        await receiver.wait_for(0)
