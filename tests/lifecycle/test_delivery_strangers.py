"""Lanes are found by numbers; whoever makes two of them meet gains nothing."""

import asyncio

from infra.settings import Settings
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
