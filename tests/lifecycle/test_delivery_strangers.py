"""Lanes are found by numbers; whoever makes two of them meet gains nothing."""

import asyncio
import hashlib

from infra.settings import Settings
from schemas.webhook_endpoint import origin_of
from tests.fixtures.deliveries import open_deliveries
from tests.fixtures.receiver import Receiver


def test_what_lies_in_a_lane_of_somebody_else_is_never_sent(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            victim = await deliveries.endpoint(receiver.url, tenant="victim")
            await deliveries.owe(receiver.url, tenant="thief")
            # As if the number of the thief's lane were that of the endpoint's.
            await deliveries.execute(
                "UPDATE webhook_lane SET endpoint_id = :id, tenant_id = :tenant",
                id=victim.id,
                tenant=victim.endpoint.tenant_id,
            )
            await deliveries.deliver()
            assert receiver.requests == []
            [attempt] = await deliveries.attempts()
            assert (attempt.outcome, attempt.endpoint_id) == ("discarded", None)
            assert attempt.tenant_id != victim.endpoint.tenant_id
            assert await deliveries.rows() == []

    asyncio.run(play())


def test_nobody_can_choose_an_origin_that_leads_to_a_given_lane(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            made = await deliveries.endpoint("https://shop.example/x")
            await deliveries.owe("https://shop.example/x", to=made)
            urls = (
                "https://a.example:8443/x?y",
                r"https://a\000\b.example/",
                "http://☃.example",
            )
            for url in urls:
                await deliveries.owe(url)
            tenant = made.endpoint.tenant_id
            texts = (str(made.id), *(f"{tenant} {origin_of(url)}" for url in urls))
            digests = [hashlib.sha256(one.encode()).digest()[:8] for one in texts]
            numbers = {int.from_bytes(one, "big", signed=True) for one in digests}
            assert {row.lane_id for row in await deliveries.rows()} == numbers
            assert {lane.id for lane in await deliveries.lanes()} == numbers

    asyncio.run(play())
