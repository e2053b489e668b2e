"""A delivery's life as its tenant sees it, with a real receiver at the other end."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from standardwebhooks import Webhook

from infra.settings import Settings
from schemas.webhooks import Breaker
from tests.api.delivery_history import History
from tests.api.served import serving
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.endpoints import ENDPOINT_SECRET, Made
from tests.fixtures.receiver import Answer, Receiver
from worker.delivery.recovery import RecoveryWalker, Step


class Scene:
    """The API, a delivery process driven look by look, and an endpoint that listens."""

    def __init__(self, history: History, deliveries: Deliveries, receiver: Receiver) -> None:
        self.history = history
        self.deliveries = deliveries
        self.receiver = receiver

    async def endpoint(self, **config: Any) -> Made:
        return await self.history.endpoint(self.receiver.url, **config)

    async def shown(self, delivery: str) -> dict[str, Any]:
        return await self.history.get(f"/webhook_deliveries/{delivery}")

    async def later(self, by: timedelta) -> None:
        """Let time pass, and what is due by then be tried."""
        await self.deliveries.age(by)
        await self.deliveries.deliver()

    async def post(self, path: str, body: Any = None) -> dict[str, Any]:
        answer = await self.history.api.http.post(f"/v1{path}", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def recover(self, made: Made, only: str) -> None:
        """Ask for a recovery of the last hour and let it be walked."""
        since = self.history.api.services.clock.now() - timedelta(hours=1)
        path = f"/webhook_endpoints/{made.shown}/recover"
        await self.post(path, {"since": since.isoformat(), "only": only})
        walker = RecoveryWalker(self.deliveries.engine, _quiet)
        while await walker.step() is not Step.NOTHING:
            pass


async def _quiet() -> None:
    """Ring no bell: the test looks by itself."""


@asynccontextmanager
async def scene(settings: Settings, *answers: Answer) -> AsyncGenerator[Scene]:
    async with (
        serving(settings) as api,
        open_deliveries(settings) as deliveries,
        Receiver(*answers) as receiver,
    ):
        yield Scene(History(api), deliveries, receiver)


def play(
    settings: Settings, scenario: Callable[[Scene], Awaitable[None]], *answers: Answer
) -> None:
    async def run() -> None:
        async with scene(settings, *answers) as opened:
            await scenario(opened)

    asyncio.run(run())


def test_a_delivery_is_pending_fails_and_is_delivered_before_its_tenants_eyes(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        made = await here.endpoint()
        (sent,) = await here.history.send()
        first = await here.shown(sent.shown)
        assert (first["status"], first["attempt_count"]) == ("pending", 0)
        assert (first["event_type"], first["endpoint_id"]) == ("job.succeeded", made.shown)

        await here.deliveries.deliver()
        failed = await here.shown(sent.shown)
        assert (failed["status"], failed["outcome"]) == ("pending", "http_500")
        assert (failed["status_code"], failed["pending"]["step"]) == (500, 1)
        assert failed["next_attempt_at"] > failed["attempted_at"]
        attempt = failed["attempts"][0]
        assert attempt["answer"]["body"] == "no thanks"
        assert attempt["address"].startswith("127.0.0.1")
        assert attempt["timings"]["first_byte_ms"] <= attempt["timings"]["total_ms"]
        assert attempt["ended"] is None

        await here.later(timedelta(minutes=1))
        taken = await here.shown(sent.shown)
        assert (taken["status"], taken["pending"]) == ("delivered", None)
        assert [one["number"] for one in taken["attempts"]] == [2, 1]
        assert taken["attempts"][0]["ended"] == "delivered"
        assert await here.history.ids(status="delivered") == [sent.shown]

    play(settings, scenario, Answer(500, body=b"no thanks"), Answer(200))


def test_a_resend_arrives_with_the_same_bytes_and_a_signature_of_its_own(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        await here.endpoint()
        (sent,) = await here.history.send()
        await here.deliveries.deliver()
        resent = await here.post(f"/webhook_deliveries/{sent.shown}/resend")
        await here.deliveries.deliver()
        first, second = await here.receiver.wait_for(2)

        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == sent.event
        assert second.headers["genq-trigger"] == "manual"
        assert second.headers["genq-delivery-id"] == resent["id"]
        Webhook(ENDPOINT_SECRET).verify(second.body, dict(second.headers))
        shown = await here.shown(resent["id"])
        assert (shown["status"], shown["trigger"]) == ("delivered", "manual")
        event = await here.history.get(f"/webhook_events/{sent.event}")
        assert event["body"].encode() == second.body
        assert [one["id"] for one in event["deliveries"]] == [resent["id"], sent.shown]

    play(settings, scenario)


def test_a_resend_does_not_wait_for_the_breaker(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        await here.endpoint()
        sent = await here.history.send(2)
        await here.deliveries.deliver()
        await here.deliveries.execute(
            "UPDATE webhook_lane SET breaker = :open, failures = 9,"
            " blocked_until = now() + interval '1 hour',"
            " next_due_at = now() + interval '1 hour'",
            open=int(Breaker.OPEN),
        )
        (waits,) = await here.history.send()
        resent = await here.post(f"/webhook_deliveries/{sent[0].shown}/resend")
        assert resent["pending"]["lane"]["breaker"] == "open"
        await here.deliveries.deliver()
        requests = await here.receiver.wait_for(3)
        assert [one.headers["webhook-id"] for one in requests[2:]] == [sent[0].event]
        assert (await here.shown(waits.shown))["status"] == "pending"

    play(settings, scenario)


def test_what_was_missed_arrives_once_in_its_order_behind_what_is_live(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        missed = await here.history.publish(20)
        made = await here.endpoint(max_in_flight=1)
        await here.recover(made, "missing")
        (live,) = await here.history.send()
        for _ in range(30):
            await here.deliveries.deliver()
        arrived = [one.headers["webhook-id"] for one in here.receiver.requests]
        shown = [one.shown for one in await here.history.pending(*missed)]
        assert (arrived[0], shown) == (live.event, [])
        events = await here.history.sql("SELECT id FROM outbox ORDER BY id")
        assert len(set(arrived)) == len(arrived) == len(events) == 21
        bodies = [one.body for one in here.receiver.requests[1:]]
        stored = await here.history.sql("SELECT body FROM outbox ORDER BY id LIMIT 20")
        assert bodies == [bytes(row.body) for row in stored]
        # All of them were taken: nothing is missing any more.
        await here.recover(made, "missing")
        assert await here.deliveries.rows() == []

    play(settings, scenario)
