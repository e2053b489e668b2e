"""No delivery is lost, and none is sent twice at once, whichever process stops or dies."""

import asyncio
from collections import Counter
from datetime import timedelta

from infra.postgres.delivery import AttemptRecord, Lane, lease_due, record_outcomes
from infra.postgres.delivery import Owed as Leased
from infra.settings import Settings
from schemas.receiver import Receiver as Hooked
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.receiver import Answer, Receiver
from worker.delivery.schedule import Outcome, Result

MINUTE = timedelta(minutes=1)


class StuckSender:
    """Sends, and never comes back to say so: a process that died in between."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._sender = deliveries.sender
        self.sent = asyncio.Event()

    async def send(self, owed: Leased, receiver: Hooked) -> Result:
        await self._sender.send(owed, receiver)
        self.sent.set()
        return await asyncio.get_running_loop().create_future()


class BrokenSender:
    """Has a defect."""

    async def send(self, owed: Leased, receiver: Hooked) -> Result:
        raise ZeroDivisionError


def test_two_processes_share_the_work_and_send_everything_once(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            await deliveries.owe(receiver.url, times=150)
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
            assert [r.headers["genq-attempt"] for r in requests] == ["1", "2"]
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_an_outcome_that_comes_after_its_lease_was_taken_over_changes_nothing(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            await deliveries.owe("http://127.0.0.1:9/hook")
            [row] = await deliveries.rows()
            share = {Lane(row.tenant_id, row.origin): 1}
            leases: list[Leased] = []
            for _ in range(2):
                async with deliveries.engine.begin() as connection:
                    leases += await lease_due(connection, share, lease=MINUTE)
                await deliveries.age(MINUTE)
            assert [lease.attempt for lease in leases] == [1, 2]
            assert [await record(deliveries, lease) for lease in leases] == [False, True]
            assert [a.n for a in await deliveries.attempts()] == [2]
            # The answer to a commit was lost, and it is written again.
            assert await record(deliveries, leases[1]) is False
            assert len(await deliveries.attempts()) == 1

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
            assert (row.lease_until, row.attempt) == (None, 0)
            await deliveries.deliver()
            requests = await receiver.wait_for(2)
            assert {r.headers["webhook-id"] for r in requests} == {owing.webhook_id}
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_what_was_leased_ahead_is_handed_back_when_the_receiver_slows_down(
    settings: Settings,
) -> None:
    async def play() -> None:
        brief = timedelta(milliseconds=300)
        hang = Answer(hang=True)
        async with (
            Receiver(Answer(), otherwise=hang) as receiver,
            open_deliveries(settings, webhook_timeout=brief) as deliveries,
        ):
            await deliveries.owe(receiver.url, times=11)
            loop = deliveries.loop(per_lane=1)
            await deliveries.deliver(loop)
            await deliveries.deliver(loop)
            # One was taken, one timed out, and nine were leased and never sent.
            assert len(receiver.requests) == 2
            rows = await deliveries.rows()
            assert [row.lease_until for row in rows] == [None] * 10
            assert sorted(row.attempt for row in rows) == [0] * 9 + [1]
            assert {row.fence for row in rows} == {1}

    asyncio.run(play())


def test_a_stopping_process_hands_back_what_it_leased_ahead(settings: Settings) -> None:
    async def play() -> None:
        slow = Answer(delay=timedelta(milliseconds=200))
        async with (
            Receiver(Answer(), slow) as receiver,
            open_deliveries(settings) as deliveries,
        ):
            await deliveries.owe(receiver.url, times=11)
            loop = deliveries.loop(per_lane=1)
            await deliveries.deliver(loop)
            await loop.look()
            await receiver.wait_for(2)
            await loop.stop(MINUTE)
            assert len(receiver.requests) == 2
            rows = await deliveries.rows()
            assert [(row.lease_until, row.fence) for row in rows] == [(None, 1)] * 9

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
            assert (row.attempt, row.lease_until) == (0, None)
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


async def record(deliveries: Deliveries, lease: Leased) -> bool:
    row = AttemptRecord(
        delivery_id=lease.id,
        fence=lease.attempt,
        outcome=Outcome.SUCCESS.value,
        status=200,
        detail=None,
        duration=timedelta(milliseconds=3),
        delay=None,
        failures=0,
    )
    async with deliveries.engine.begin() as connection:
        [known] = await record_outcomes(connection, [row])
    return known
