"""What a user of the SDK may write; it is checked by mypy and basedpyright, and never run."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from genq import (
    AsyncGenq,
    BudgetExhaustedError,
    Event,
    Genq,
    GenqError,
    Job,
    JobEvent,
    JobFailedError,
    JobRequest,
    RateLimitedError,
    RawResponse,
    WebhookEndpoint,
    WebhookInvalidError,
)


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")


def show(event: JobEvent) -> None:
    if event.fraction is not None:
        tell(f"{event.fraction:.0%}")


def paint(prompt: str) -> bytes | None:
    with Genq(max_retries=5, extra_headers={"X-Team": "art"}) as client:
        try:
            return client.generate(
                prompt, size="1024x1024", lane="turbo", timeout=60, on_progress=show
            )
        except BudgetExhaustedError as error:
            tell("come back in", error.retry_after or 0.0, error.request_id)
        except RateLimitedError as error:
            tell(error.code.upper(), error.status + 1)
        except JobFailedError as error:
            job: Job | None = error.job
            tell(job and job.error and job.error.code)
        except GenqError as error:
            tell(error.message, error.error_id)
        return None


def submit_all(prompts: list[str]) -> dict[str, str]:
    wanted: list[JobRequest] = [
        {"kind": "image", "input": {"prompt": prompt}, "tags": ["night"], "deadline": 3600}
        for prompt in prompts
    ]
    with Genq() as client:
        bulk = client.jobs.create_many(wanted, all_or_nothing=False)
        for item in bulk.refusals:
            if item.error:
                tell(
                    item.index, item.error.code, [fault.pointer for fault in item.error.errors]
                )
        patient = client.with_options(timeout=120, max_retries=0)
        since = datetime(2026, 1, 1, tzinfo=UTC)
        for page in patient.jobs.list(tag=["night"], created_after=since).iter_pages():
            tell(len(page.data), page.has_more)
        answer: RawResponse[Job] = client.jobs.with_raw_response.get(bulk.jobs[0].id)
        tell(answer.headers.get("ratelimit"), answer.parse().status)
        return {job.id: job.status for job in client.jobs.list(status="failed")}


def receive(client: Genq, body: bytes, headers: dict[str, str]) -> Event | None:
    try:
        event = client.webhooks.verify(body, headers)
    except WebhookInvalidError:
        return None
    tell(event.type, event.job and event.job.id, event.sequence, event.raw.get("of the future"))
    return event


def look_after(client: Genq, broken: str) -> str | None:
    shop: WebhookEndpoint = client.webhooks.endpoints.create(
        "shop", "https://example.com/hook", event_types=["job.*"], ordering="fifo"
    )
    client.webhooks.endpoints.update(shop.id, throttle_rate=None, timeout_s=5)
    for delivery in client.webhooks.deliveries.list(endpoint_id=shop.id, status="exhausted"):
        tell(client.webhooks.deliveries.resend(delivery.id).attempt_count)
    since = datetime(2026, 11, 1, tzinfo=UTC)
    tell(client.webhooks.recover(broken, since=since, only="missing").queued)
    return shop.signing_secret


async def follow() -> Path:
    async with AsyncGenq() as client:
        first = await client.jobs.list(limit=1)
        async for event in client.jobs.events(first.data[0].id):
            tell(event.type, event.position)
        async for ended in client.events(after="now", types=["job.failed"]):
            tell(ended.cursor)
            break
        raw = await client.jobs.with_raw_response.create(kind="chat", input={"messages": []})
        tenant = await client.tenant()
        key = await client.keys.create(f"reader of {tenant.name}", scopes=["jobs:read"])
        tell(raw.result.urls.events, key.key)
        return await client.jobs.download(raw.result.id, 0, Path("x.png"))


if __name__ == "__main__":
    asyncio.run(follow())
