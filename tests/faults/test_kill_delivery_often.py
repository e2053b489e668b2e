"""Delivery processes die by SIGKILL again and again, and PostgreSQL with them once."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from infra.doorbells import DELIVER, Doorbells
from infra.new_ids import new_key
from infra.settings import Settings
from schemas.events import OutboxKind
from schemas.ids import parse_id
from tests.faults.test_kill import signal_process
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.endpoints import Made
from tests.fixtures.forked_delivery import DeliveryFork, delivery_fork
from tests.fixtures.receiver import Answer, Receiver

KILLS = 20
# Half of them before, half after PostgreSQL's own death.
CRASH_AFTER = 10
LEASE = 0.4
ENDPOINTS = 4
WINDOW = 4
PAUSES = random.Random(5)
STEPS = (
    (OutboxKind.LIFECYCLE, 0),
    (OutboxKind.LIFECYCLE, 1001),
    (OutboxKind.TERMINAL, 1999),
)


@dataclass
class Load:
    """Jobs that tell of their whole lives while processes die."""

    deliveries: Deliveries
    url: str
    endpoints: Sequence[Made | None]
    doorbells: Doorbells
    # Per job and receiver, the events in their order.
    told: list[list[UUID]] = field(default_factory=list[list[UUID]])
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while not self.over.is_set():
            jobs = [new_key() for _ in self.endpoints]
            events: list[list[UUID]] = [[] for _ in jobs]
            for kind, seq in STEPS:
                for of, to, job in zip(events, self.endpoints, jobs, strict=True):
                    of.append(await self.owe(to, kind, job, seq))
                await self.doorbells.ring(DELIVER)
            self.told += events

    async def owe(self, to: Made | None, kind: OutboxKind, job: UUID, seq: int) -> UUID:
        while True:
            # While PostgreSQL recovers.
            try:
                [one] = await self.deliveries.owe(
                    self.url, to=to, kind=kind, job_id=job, seq=seq
                )
            except SQLAlchemyError:
                continue
            return one.event_id


def test_twenty_kills_and_a_crash_of_postgresql_lose_nothing_and_keep_the_order(
    settings: Settings,
) -> None:
    async def play() -> None:
        slow = Answer(delay=timedelta(milliseconds=5))
        async with (
            Receiver(otherwise=slow) as receiver,
            open_deliveries(settings) as deliveries,
            Doorbells(settings.doorbell_url()) as doorbells,
            delivery_fork(environment(settings)) as fork,
        ):
            made = [await deliveries.endpoint(receiver.url) for _ in range(ENDPOINTS)]
            load = Load(deliveries, receiver.url, [*made, None], doorbells)
            loading = asyncio.create_task(load.run())
            in_flight = await kill_often(fork, deliveries, receiver)
            load.over.set()
            await loading
            await all_taken(deliveries)

            arrived = arrivals(receiver)
            assert set(arrived) == {event for job in load.told for event in job}
            assert len(arrived) >= KILLS * len(load.endpoints)
            for job in load.told:
                firsts = [arrived[event][0] for event in job]
                assert firsts == sorted(firsts)
            # What is sent again is what nobody had been able to say was sent: at some death,
            # or, once, because the machine stood still for as long as a lease.
            again = sum(len(times) - 1 for times in arrived.values())
            assert again <= in_flight + WINDOW * len(load.endpoints)
            recorded = await deliveries.execute(
                "SELECT event_id, max(at) AS at FROM delivery_attempt WHERE ended = 1"
                " GROUP BY event_id"
            )
            assert len(recorded) == len(arrived)
            assert all(arrived[row.event_id][-1] <= row.at for row in recorded)

    asyncio.run(play())


async def kill_often(fork: DeliveryFork, deliveries: Deliveries, receiver: Receiver) -> int:
    """Kill one of two processes, again and again.

    Returns:
        How much was in flight at the deaths: sent since the one before, and not recorded.
    """
    running = [await fork.start(), await fork.start()]
    in_flight, counted = 0, 0
    for n in range(KILLS):
        seen = len(receiver.requests)
        # Each dies at work, at a moment of its own.
        await receiver.wait_for(seen + 1)
        await receiver.wait_for(seen + PAUSES.randrange(1, 30))
        fork.kill(running.pop(0))
        upto = len(receiver.requests)
        in_flight += await unrecorded(deliveries, receiver, since=counted)
        counted = upto
        running.append(await fork.start())
        if n == CRASH_AFTER:
            await kill_a_backend(deliveries)
            in_flight += await unrecorded(deliveries, receiver, since=upto)
    return in_flight


async def kill_a_backend(deliveries: Deliveries) -> None:
    """Kill a process of PostgreSQL that serves a delivery process."""
    while True:
        rows = await deliveries.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'genq deliver' LIMIT 1"
        )
        # What served the one that was killed a moment ago may be gone by now.
        with suppress(ProcessLookupError):
            for row in rows:
                signal_process(row.pid)
                return


async def unrecorded(deliveries: Deliveries, receiver: Receiver, *, since: int) -> int:
    """Return how many events arrived after so many requests, and nobody has said so."""
    while True:
        try:
            rows = await deliveries.execute("SELECT event_id FROM delivery_attempt")
        except SQLAlchemyError:
            continue
        return len(arrivals(receiver, since=since).keys() - {row.event_id for row in rows})


def arrivals(receiver: Receiver, *, since: int = 0) -> dict[UUID, list[datetime]]:
    times: dict[UUID, list[datetime]] = defaultdict(list)
    for request in receiver.requests[since:]:
        times[parse_id("evt", request.headers["webhook-id"])].append(request.at)
    return times


async def all_taken(deliveries: Deliveries) -> None:
    async with asyncio.timeout(20):
        while await deliveries.rows():
            pass


def environment(settings: Settings) -> dict[str, str]:
    return {
        "GENQ_DATABASE_URL": settings.database_url.get_secret_value(),
        "GENQ_BROKER_URL": settings.broker_url.get_secret_value(),
        "GENQ_VALKEY_URL": settings.doorbell_url(),
        "GENQ_OBJECT_STORE": settings.object_store,
        "GENQ_KEY_PEPPER": settings.key_pepper.get_secret_value(),
        "GENQ_OUTBOUND_ALLOW": json.dumps([str(net) for net in settings.outbound_allow]),
        "GENQ_WEBHOOK_LANE_LEASE": str(LEASE),
        "GENQ_LOG_LEVEL": "error",
    }
