"""Every result is announced, signed, until the receiver takes it."""

import asyncio
import json
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import cycle, pairwise
from uuid import UUID

import pytest
from openai import OpenAI
from standardwebhooks import Webhook

from infra.clock import SystemClock
from infra.new_ids import new_key
from infra.settings import Settings
from schemas.ids import format_id
from schemas.webhooks import Ended
from tests.fixtures.deliveries import SECRET, open_deliveries
from tests.fixtures.receiver import Answer, Receiver

HOUR = timedelta(hours=1)


class JumpingClock(SystemClock):
    """Is set an hour forward and an hour back, again and again."""

    def __init__(self) -> None:
        self._jumps = cycle([HOUR, -HOUR])

    def now(self) -> datetime:
        return super().now() + next(self._jumps)


def test_a_delivery_is_signed_taken_logged_and_gone(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            [owing] = await deliveries.owe(receiver.url)
            await deliveries.deliver()
            [request] = await receiver.wait_for(1)
            assert request.body == owing.body
            headers = dict(request.headers)
            assert headers["webhook-id"] == owing.webhook_id
            assert headers["content-type"] == "application/json"
            assert headers["user-agent"] == "genq/test"
            assert headers["genq-delivery-id"] == format_id("whd", owing.delivery_id)
            assert headers["genq-attempt"] == "1"
            assert headers["genq-trigger"] == "scheduled"
            assert Webhook(SECRET).verify(request.body, headers) == json.loads(owing.body)
            with OpenAI(api_key="unused", webhook_secret=SECRET) as client:
                client.webhooks.verify_signature(request.body, headers)
            assert await deliveries.rows() == []
            [attempt] = await deliveries.attempts()
            assert (attempt.event_id, attempt.delivery_id) == (
                owing.event_id,
                owing.delivery_id,
            )
            assert (attempt.n, attempt.outcome, attempt.status) == (1, "success", 200)

    asyncio.run(play())


def test_a_failed_delivery_is_tried_again_with_the_same_bytes_and_id(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with (
            open_deliveries(settings) as deliveries,
            Receiver(Answer(500), Answer(404), Answer(202)) as receiver,
        ):
            [owing] = await deliveries.owe(receiver.url)
            steps: list[timedelta] = []
            for _ in range(2):
                await deliveries.deliver()
                [row] = await deliveries.rows()
                assert row.lease_until is None
                steps.append(row.due_in)
                await deliveries.deliver()
                await deliveries.age(row.due_in)
            await deliveries.deliver()
            assert await deliveries.rows() == []
            requests = await receiver.wait_for(3)
            assert len(requests) == 3
            assert {request.body for request in requests} == {owing.body}
            assert {r.headers["webhook-id"] for r in requests} == {owing.webhook_id}
            assert [r.headers["genq-attempt"] for r in requests] == ["1", "2", "3"]
            for request in requests:
                Webhook(SECRET).verify(request.body, dict(request.headers))
            assert timedelta(seconds=3.5) < steps[0] <= timedelta(seconds=6)
            assert timedelta(minutes=3.9) < steps[1] <= timedelta(minutes=6)
            outcomes = [(a.n, a.outcome, a.status) for a in await deliveries.attempts()]
            assert outcomes == [
                (1, "http_500", 500),
                (2, "http_404", 404),
                (3, "success", 202),
            ]

    asyncio.run(play())


def test_after_ten_failed_attempts_a_delivery_is_exhausted(settings: Settings) -> None:
    async def play() -> None:
        async with (
            open_deliveries(settings) as deliveries,
            Receiver(*[Answer(500), Answer(200)] * 10) as receiver,
        ):
            [owing] = await deliveries.owe(receiver.url)
            for n in range(10):
                [row] = await deliveries.rows()
                await deliveries.age(max(row.due_in, timedelta()))
                await deliveries.deliver()
                # Another one is taken: a receiver that took nothing would be left alone.
                await deliveries.owe(receiver.url)
                await deliveries.deliver()
                assert len(receiver.requests) == 2 * (n + 1)
            assert await deliveries.rows() == []
            attempts = [a for a in await deliveries.attempts() if a.event_id == owing.event_id]
            assert [a.n for a in attempts] == list(range(1, 11))
            assert {a.outcome for a in attempts} == {"http_500"}
            assert [a.ended for a in attempts] == [None] * 9 + [Ended.EXHAUSTED]

    asyncio.run(play())


@pytest.mark.parametrize("disabled", [False, True])
def test_after_76_hours_a_delivery_ends_however_little_it_was_tried(
    settings: Settings, disabled: bool
) -> None:
    async def play() -> None:
        busy = Answer(429, {"Retry-After": "3600"})
        async with (
            open_deliveries(settings) as deliveries,
            Receiver(otherwise=busy) as receiver,
        ):
            to = await deliveries.endpoint(
                receiver.url, disabled="by_hand" if disabled else None
            )
            young = SystemClock().now() - timedelta(hours=75, minutes=30)
            await deliveries.owe(receiver.url, to=to, id=key_of(young))
            await deliveries.age(timedelta(hours=75, minutes=30))
            await deliveries.deliver()
            [row] = await deliveries.rows()
            if not disabled:
                assert timedelta(minutes=29) < row.due_in <= timedelta(minutes=30)
            # The lane still waits as long as the receiver asked, or for somebody to enable it.
            old = SystemClock().now() - timedelta(hours=76, minutes=2)
            await deliveries.execute("UPDATE delivery SET id = :id", id=key_of(old))
            await deliveries.age(timedelta(minutes=32))
            await deliveries.deliver()
            assert await deliveries.rows() == []
            assert len(receiver.requests) == (0 if disabled else 1)
            last = (await deliveries.attempts())[-1]
            expected = ("discarded", 3) if disabled else ("exhausted", 2)
            assert (last.outcome, last.ended) == expected

    asyncio.run(play())


def key_of(at: datetime) -> UUID:
    """Return a UUIDv7 of another time."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (new_key().int & ((1 << 80) - 1)))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_kept_and_uses_up_no_step(
    settings: Settings, status: int, form: str
) -> None:
    async def play() -> None:
        wait = timedelta(seconds=100)
        date = format_datetime(SystemClock().now() + wait, usegmt=True)
        header = {"seconds": "100", "date": date}[form]
        async with (
            open_deliveries(settings) as deliveries,
            Receiver(Answer(status, {"Retry-After": header})) as receiver,
        ):
            await deliveries.owe(receiver.url)
            await deliveries.deliver()
            [row] = await deliveries.rows()
            assert row.attempt == 0
            assert wait - timedelta(seconds=5) < row.due_in <= wait
            await deliveries.age(wait - timedelta(seconds=6))
            await deliveries.deliver()
            assert len(receiver.requests) == 1
            await deliveries.age(timedelta(seconds=6))
            await deliveries.deliver()
            assert len(receiver.requests) == 2
            assert await deliveries.rows() == []
            outcomes = [a.outcome for a in await deliveries.attempts()]
            assert outcomes == ["rate_limited", "success"]

    asyncio.run(play())


def test_one_connection_carries_delivery_after_delivery(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            loop = deliveries.loop()
            for _ in range(5):
                await deliveries.owe(receiver.url)
                await deliveries.deliver(loop)
            assert len({request.connection for request in receiver.requests}) == 1

    asyncio.run(play())


def test_deliveries_of_one_lane_go_out_oldest_first(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            owing = await deliveries.owe(receiver.url, times=6)
            for place, one in enumerate(owing):
                await deliveries.execute(
                    "UPDATE delivery SET next_at = now() - :by WHERE id = :id",
                    by=timedelta(minutes=6 - place),
                    id=one.delivery_id,
                )
            loop = deliveries.loop(per_lane=1)
            for _ in owing:
                await deliveries.deliver(loop)
            sent = [request.headers["webhook-id"] for request in receiver.requests]
            assert sent == [one.webhook_id for one in owing]
            assert all(first.at <= then.at for first, then in pairwise(receiver.requests))

    asyncio.run(play())


def test_a_jumping_wall_clock_neither_hurries_nor_holds_a_delivery(settings: Settings) -> None:
    async def play() -> None:
        async with (
            open_deliveries(settings, clock=JumpingClock()) as deliveries,
            Receiver(Answer(500)) as receiver,
        ):
            await deliveries.owe(receiver.url)
            stop = asyncio.Event()
            running = asyncio.create_task(deliveries.loop().run(stop, grace=HOUR))
            await receiver.wait_for(1)
            while not (attempts := await deliveries.attempts()):
                await asyncio.wait([running], timeout=0.02)
            [row] = await deliveries.rows()
            assert timedelta(seconds=3) < row.due_in <= timedelta(seconds=6)
            assert attempts[0].duration_ms < 5000
            await deliveries.age(row.due_in)
            await receiver.wait_for(2)
            stop.set()
            await running
            assert await deliveries.rows() == []

    asyncio.run(play())
