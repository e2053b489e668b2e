"""Cut connections, dead owners, crowds of lanes: they cost time, and little of it."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.engine import single_statements, transaction
from infra.settings import Settings
from infra.webhook_receivers import Destination, Destinations
from schemas.errors import DatabaseUnavailableError
from schemas.webhooks import Ordering
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.endpoints import SEALER
from tests.fixtures.lane_play import PlayClock
from tests.fixtures.receiver import Answer, Receiver
from tests.fixtures.scripted_sender import ScriptedSender
from worker.delivery.lanes import AHEAD, Lanes
from worker.delivery.leases import WINDOW, Leases
from worker.delivery.loop import LANE_LEASE, DeliveryLoop
from worker.delivery.schedule import Outcome
from worker.delivery.server_time import ServerTime
from worker.delivery.turns import Places

MINUTE = timedelta(minutes=1)
A_LEASE = LANE_LEASE.total_seconds()


class CutOnce(Destinations):
    """Reads nothing the first time."""

    cut = False

    async def read(
        self, connection: AsyncConnection, lanes: Collection[int]
    ) -> dict[int, Destination]:
        if lanes and not self.cut:
            self.cut = True
            raise DatabaseUnavailableError("cut")
        return await super().read(connection, lanes)


def destinations(kind: type[Destinations] = Destinations) -> Destinations:
    return kind(SEALER, timeout=timedelta(seconds=5), per_lane=8)


def test_lanes_that_were_leased_in_a_look_that_failed_are_leased_again(
    settings: Settings,
) -> None:
    async def play() -> None:
        clock = PlayClock()
        async with open_deliveries(settings, clock=clock) as deliveries, Receiver() as receiver:
            await deliveries.owe(receiver.url, times=3)
            loop = DeliveryLoop(
                deliveries.engine,
                deliveries.sender,
                destinations(CutOnce),
                clock=clock,
                chance=lambda: 0.5,
            )
            deliveries.loops.append(loop)
            with pytest.raises(DatabaseUnavailableError):
                await loop.look()
            await deliveries.age(MINUTE)
            clock.skip(MINUTE.total_seconds())
            await loop.look()
            await loop.settle()
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_a_lane_whose_letting_go_may_have_been_heard_is_not_sent_to(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            await deliveries.owe("https://acme.test/hook")
            lanes = Lanes(Places())
            clock = PlayClock()
            leases = Leases(
                lanes, destinations(), ServerTime(clock), me=7, lease=LANE_LEASE, clock=clock
            )
            engine = single_statements(deliveries.engine)
            async with transaction(engine) as connection:
                await leases.keep(connection)
                await leases.take(connection)
            [lane] = lanes

            async def let_go() -> None:
                async with transaction(engine) as connection:
                    await deliveries.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database()"
                        " AND application_name = 'genq deliver'"
                    )
                    await leases.let_go(connection, [lane])

            [row] = await deliveries.lanes()
            with pytest.raises(DatabaseUnavailableError):
                await let_go()
            # The statement came through; its answer did not.
            await deliveries.execute("UPDATE webhook_lane SET owner = NULL, lease_until = NULL")
            assert row.owner == 7
            assert clock.monotonic() >= lane.ends_at
            async with transaction(engine) as connection:
                await leases.keep(connection)
            assert lane.lost

    asyncio.run(play())


def test_what_waited_when_a_lease_ended_is_sent_when_it_is_renewed(settings: Settings) -> None:
    async def play() -> None:
        clock = PlayClock()
        go_on = asyncio.Event()
        go_on.set()
        async with open_deliveries(settings, clock=clock) as deliveries:
            sender = ScriptedSender(
                lambda _owed, _at: Outcome.SUCCESS, timedelta, hold=lambda _: go_on
            )
            loop = deliveries.loop(sender=sender, per_lane=1)
            await deliveries.owe("https://acme.test/hook", times=1)
            await loop.look()
            await loop.settle()
            await deliveries.owe("https://acme.test/hook", times=AHEAD + 1)
            go_on.clear()
            await loop.look()
            # PostgreSQL does not answer for longer than the lease, nobody else is there…
            clock.skip(A_LEASE)
            go_on.set()
            await loop.settle()
            assert len(sender.sent) == 2
            # …and it is there again.
            await loop.look()
            await loop.settle()
            assert len(sender.sent) == AHEAD + 2

    asyncio.run(play())


def test_nothing_passes_the_failed_head_of_a_fifo_lane_while_it_is_not_recorded(
    settings: Settings,
) -> None:
    async def play() -> None:
        clock = PlayClock()
        async with (
            open_deliveries(settings, clock=clock) as deliveries,
            Receiver(otherwise=Answer(500)) as receiver,
        ):
            to = await deliveries.endpoint(
                receiver.url, ordering=Ordering.FIFO, retry_schedule=[1, 60]
            )
            first, _ = [(await deliveries.owe(receiver.url, to=to))[0] for _ in range(2)]
            loop = deliveries.loop()
            async with deliveries.observer.begin() as held:
                await hold(held, deliveries)
                await loop.look()
                await receiver.wait_for(1)
                clock.skip(3)
                for _ in range(3):
                    await loop.look()
                    await asyncio.sleep(0.02)  # sleeps: the request must not come
                assert len(receiver.requests) == 1
            await loop.settle()
            await loop.look()
            await loop.settle()
            ids = [request.headers["webhook-id"] for request in receiver.requests]
            assert set(ids) == {first.webhook_id}

    asyncio.run(play())


def test_one_connection_is_enough(settings: Settings) -> None:
    async def play() -> None:
        async with (
            open_deliveries(settings, database_pool_size=1) as deliveries,
            Receiver() as receiver,
        ):
            await deliveries.owe(receiver.url)
            async with asyncio.timeout(4):
                await deliveries.deliver()
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_an_owner_that_dies_takes_no_throttle_with_it(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            sender = ScriptedSender(lambda _owed, _at: Outcome.SUCCESS, timedelta)
            stuck = ScriptedSender(sender.script, timedelta, hold=lambda _: asyncio.Event())
            to = await deliveries.endpoint("https://acme.test/hook", throttle_rate=0.02)
            await deliveries.owe("https://acme.test/hook", to=to, times=3)
            dead, heir = deliveries.loop(sender=stuck), deliveries.loop(sender=sender)
            await dead.look()
            await deliveries.age(2 * LANE_LEASE)
            await heir.look()
            await heir.settle()
            assert len(heir.owned) == 1
            assert sender.sent == []

    asyncio.run(play())


def test_a_tenant_with_many_lanes_does_not_slow_down_how_others_are_found(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            never = asyncio.Event()
            sender = ScriptedSender(
                lambda _owed, _at: Outcome.SUCCESS,
                timedelta,
                hold=lambda owed: never if "dead" in owed.url else None,
            )
            await put_in(deliveries, "evil", "dead", lanes=WINDOW + 200)
            await put_in(deliveries, "acme", "fine", lanes=60)
            loop = deliveries.loop(sender=sender, per_tenant=50)
            for _ in range(6):
                await loop.look()
            while len(sender.sent) < 60:
                sender.news.clear()
                await asyncio.wait_for(sender.news.wait(), 5)

    asyncio.run(play())


async def put_in(deliveries: Deliveries, tenant: str, name: str, *, lanes: int) -> None:
    """Owe something to many receivers of one tenant."""
    [one] = await deliveries.owe(f"https://{name}.test/hook", tenant=tenant)
    await deliveries.execute(
        """
        WITH owed AS (
          INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin)
          SELECT uuidv7(), event_id, job_id, tenant_id, url, origin || ':' || n
          FROM delivery, generate_series(2, :lanes) n WHERE id = :id
          RETURNING lane_id, tenant_id, origin)
        INSERT INTO webhook_lane (id, tenant_id, origin, next_due_at)
        SELECT lane_id, tenant_id, origin, now() FROM owed
        """,
        lanes=lanes,
        id=one.delivery_id,
    )


async def hold(connection: AsyncConnection, deliveries: Deliveries) -> None:
    """Hold the rows of all deliveries, so that no record is written."""
    [row] = (await deliveries.rows())[:1]
    await connection.exec_driver_sql(f"SELECT 1 FROM delivery WHERE id = '{row.id}' FOR UPDATE")
