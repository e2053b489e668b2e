"""What ends a delivery, or fails it, without a word being sent to somebody else."""

import asyncio
from datetime import timedelta

import pytest

from infra.settings import Settings
from tests.fixtures.deliveries import open_deliveries
from tests.fixtures.receiver import Answer, Receiver

DAY = timedelta(days=1)


def test_a_receiver_that_is_gone_is_never_asked_again(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver(Answer(410)) as receiver:
            await deliveries.owe(receiver.url)
            await deliveries.deliver()
            await deliveries.age(DAY)
            await deliveries.deliver()
            assert len(receiver.requests) == 1
            assert await deliveries.rows() == []
            [attempt] = await deliveries.attempts()
            assert (attempt.outcome, attempt.status) == ("gone", 410)

    asyncio.run(play())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_its_target_is_never_called(
    settings: Settings, status: int
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as target:
            there = Answer(status, {"Location": target.url})
            async with Receiver(there) as receiver:
                await deliveries.owe(receiver.url)
                await deliveries.deliver()
            assert target.requests == []
            [row] = await deliveries.rows()
            assert row.attempt == 1
            [attempt] = await deliveries.attempts()
            assert (attempt.outcome, attempt.status) == ("redirect", status)
            assert attempt.detail == f"location: {target.url}"

    asyncio.run(play())


def test_a_private_address_is_refused_for_good_unless_it_is_allowed(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with Receiver() as receiver:
            async with open_deliveries(settings, outbound_allow=()) as deliveries:
                await deliveries.owe(receiver.url)
                await deliveries.deliver()
                assert receiver.requests == []
                assert await deliveries.rows() == []
                [attempt] = await deliveries.attempts()
                assert (attempt.outcome, attempt.status) == ("refused", None)
                assert attempt.detail
            async with open_deliveries(settings) as deliveries:
                await deliveries.owe(receiver.url)
                await deliveries.deliver()
                assert len(receiver.requests) == 1

    asyncio.run(play())


def test_an_event_that_retention_took_away_is_given_up(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            await deliveries.owe(receiver.url)
            await deliveries.execute("DELETE FROM outbox")
            await deliveries.deliver()
            assert receiver.requests == []
            assert await deliveries.rows() == []
            [attempt] = await deliveries.attempts()
            assert (attempt.outcome, attempt.detail) == (
                "discarded",
                "the event is past its retention",
            )

    asyncio.run(play())


def test_a_hostile_answer_is_stored_as_harmless_text(settings: Settings) -> None:
    async def play() -> None:
        location = b"/\x1b[31m\xff\xfe</script>" + b"x" * 4000
        head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location
        async with (
            open_deliveries(settings) as deliveries,
            Receiver(Answer(raw=head + b"\r\n\r\n")) as receiver,
        ):
            await deliveries.owe(receiver.url)
            await deliveries.deliver()
            [attempt] = await deliveries.attempts()
            assert attempt.outcome == "redirect"
            assert attempt.detail.isprintable()
            assert len(attempt.detail) < 300

    asyncio.run(play())
