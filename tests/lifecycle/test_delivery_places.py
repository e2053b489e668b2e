"""Receivers that hang by the hundred hold back none that answers and none that is new."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from infra.settings import Settings
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.scripted_sender import ScriptedSender
from worker.delivery.leases import WINDOW
from worker.delivery.schedule import Outcome
from worker.delivery.turns import Places

DEAD = "https://dead.test/hook"
FINE = "https://fine.test/hook"
NEW = "https://new.test/hook"


def hanging() -> ScriptedSender:
    """Return a sender whom nobody at ``DEAD`` answers."""
    never = asyncio.Event()
    return ScriptedSender(
        lambda _owed, _at: Outcome.SUCCESS,
        timedelta,
        hold=lambda owed: never if owed.url == DEAD else None,
    )


async def kill(deliveries: Deliveries, tenant: str, *, lanes: int, failures: int) -> None:
    """Owe something for a minute to many receivers of a tenant, each with a lane of its own."""
    [one] = await deliveries.owe(DEAD, tenant=tenant)
    await deliveries.execute(
        """
        WITH owed AS (
          INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, next_at)
          SELECT uuidv7(), event_id, job_id, tenant_id, url, origin || ':' || n,
            now() - interval '1 minute'
          FROM delivery, generate_series(2, :lanes) n WHERE id = :id
          RETURNING lane_id, tenant_id, origin)
        INSERT INTO webhook_lane (id, tenant_id, origin, next_due_at, failures)
        SELECT lane_id, tenant_id, origin, now() - interval '1 minute', :failures FROM owed
        """,
        lanes=lanes,
        id=one.delivery_id,
        failures=failures,
    )


def all_that_may(failures: int) -> int:
    """Return how many requests of four tenants hang at least when no more may begin."""
    places = Places()
    if failures:
        return places.unproven
    # Each leaves as many first requests to others as it has: of five parts they take four.
    return places.unproven + places.first * 4 // 5


async def wait_until(seen: Callable[[], bool], seconds: float) -> None:
    """Wait until ``seen`` is true."""
    async with asyncio.timeout(seconds):
        while not seen():  # noqa: ASYNC110 - nothing tells of a request that hangs
            await asyncio.sleep(0.01)  # sleeps: the same


@pytest.mark.parametrize("failures", [1, 0])
def test_hundreds_of_lanes_that_hang_hold_back_neither_new_nor_healthy_ones(
    settings: Settings, failures: int
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            sender = hanging()
            await deliveries.owe(FINE)
            await deliveries.deliver(deliveries.loop(sender=sender))
            for tenant in ("acme", "south", "east", "north"):
                await kill(deliveries, tenant, lanes=WINDOW // 3, failures=failures)
            loop = deliveries.loop(sender=sender)
            stop = asyncio.Event()
            running = asyncio.create_task(loop.run(stop, grace=timedelta()))
            await wait_until(
                lambda: sender.in_flight.get(DEAD, 0) >= all_that_may(failures), 10
            )
            # Where its own lanes were never tried either, nobody knows which would answer.
            new = "elsewhere" if failures == 0 else "acme"
            await deliveries.owe(FINE)
            await deliveries.owe(NEW, tenant=new)
            loop.wake()
            await wait_until(lambda: [one.url for one in sender.sent].count(FINE) == 2, 2)
            await wait_until(lambda: NEW in {one.url for one in sender.sent}, 2)
            stop.set()
            await running

    asyncio.run(play())
