"""The end of a batch is told: to endpoints, to the URL that came with it, and in the feed."""

from dataclasses import replace
from typing import Any

from openai import OpenAI
from openai.types.webhooks import (
    BatchCancelledWebhookEvent,
    BatchCompletedWebhookEvent,
    BatchExpiredWebhookEvent,
    BatchFailedWebhookEvent,
)

from infra.batch_events import tell_batch_end
from infra.postgres.batches import get_batch
from infra.postgres.engine import transaction, whole_transactions
from infra.settings import Settings
from schemas.batch import BatchStatus
from schemas.ids import parse_id
from schemas.signature import sign
from tests.api.batches import go_on, make, sql
from tests.api.served import SECRET, Served, run
from tests.api.webhook_endpoints import made

CLASSES: dict[BatchStatus, Any] = {
    BatchStatus.COMPLETED: BatchCompletedWebhookEvent,
    BatchStatus.FAILED: BatchFailedWebhookEvent,
    BatchStatus.EXPIRED: BatchExpiredWebhookEvent,
    BatchStatus.CANCELLED: BatchCancelledWebhookEvent,
}


async def end(api: Served, batch: str, status: BatchStatus) -> int:
    """End a batch as its keeper does; return how many deliveries that made."""
    await go_on(api, batch, status=int(status))
    tenant = (await sql(api, "SELECT id FROM tenant WHERE name = 'acme'"))[0].id
    async with transaction(whole_transactions(api.services.engine)) as connection:
        record = await get_batch(connection, tenant, parse_id("batch", batch))
        assert record is not None
        at = api.services.clock.now()
        changed = replace(record, completed_at=at, failed_at=at, expired_at=at, cancelled_at=at)
        return await tell_batch_end(connection, changed)


def test_whoever_asks_for_it_hears_once_that_a_batch_has_ended(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await made(api, name="all", event_types=["batch.*"])
        await made(api, name="failures", event_types=["batch.failed"])
        await made(api, name="jobs", event_types=["job.*"])
        hook = {"url": "https://example.com/nightly", "events": ["batch.completed"]}
        batch = await make(api, genq={"webhook": hook})
        assert batch["genq"]["webhook"] == hook

        assert await end(api, batch["id"], BatchStatus.COMPLETED) == 2
        owed = await sql(api, "SELECT url FROM delivery ORDER BY url")
        assert [one.url for one in owed] == [
            "https://example.com/hook?k=very-secret",
            "https://example.com/nightly",
        ]
        # The URL that came with it asked for the other end.
        assert await end(api, batch["id"], BatchStatus.CANCELLED) == 1
        assert await end(api, batch["id"], BatchStatus.FAILED) == 2

    run(settings, scenario)


def test_openai_s_client_unwraps_the_ends_of_batches(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        batch = await make(api)
        with OpenAI(api_key="unused", webhook_secret=SECRET) as client:
            for status, expected in CLASSES.items():
                await end(api, batch["id"], status)
                (row,) = await sql(
                    api,
                    "SELECT body FROM outbox WHERE type = :type",
                    type=f"batch.{status.word}",
                )
                body = bytes(row.body)
                at = int(api.services.clock.now().timestamp())
                headers = sign(SECRET, message_id="evt_1", at_seconds=at, body=body)
                event = client.webhooks.unwrap(body, headers)
                assert type(event) is expected
                assert event.to_dict()["data"] == {"id": batch["id"]}

    run(settings, scenario)


def test_the_feed_tells_the_ends_of_batches_between_those_of_jobs(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        batch = await make(api)
        job = await api.submit()
        await api.end(job["id"])
        await end(api, batch["id"], BatchStatus.COMPLETED)
        events = (await api.http.get("/v1/events")).json()["data"]
        assert [one["type"] for one in events] == ["job.succeeded", "batch.completed"]
        assert events[1]["data"] == {"id": batch["id"]}
        chosen = await api.http.get("/v1/events", params={"type": "batch.completed"})
        assert chosen.json()["data"] == events[1:]

    run(settings, scenario)
