"""The unmodified OpenAI client manages endpoints and reads what they are sent."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from typing import Any, Final

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.webhooks import BatchCompletedWebhookEvent, ResponseFailedWebhookEvent

from infra.settings import Settings
from schemas.events import SUBSCRIBABLE_TYPES
from tests.api.served import Served, run
from tests.fixtures.delivering import delivering
from tests.fixtures.receiver import Answer, Received, Receiver

READER: Final = OpenAI(api_key="unused", base_url="http://unused.invalid")


def verified(received: Received, secret: str) -> Any:
    """The event, as OpenAI's client reads it under this secret."""
    return READER.webhooks.unwrap(received.body, dict(received.headers), secret=secret)


def inside(settings: Settings, **changes: Any) -> Settings:
    """Settings that let endpoints be in this test."""
    return settings.model_copy(
        update={"outbound_allow": (IPv4Network("127.0.0.0/8"),), **changes}
    )


@asynccontextmanager
async def client_of(api: Served, *, retries: int = 0) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{api.url}/v1", api_key=api.key, max_retries=retries
    ) as client:
        yield client


def test_the_openai_client_manages_endpoints(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with client_of(api) as client:
            webhooks = client.webhooks
            made = [
                await webhooks.create(
                    name=f"n{n}",
                    url=f"https://example.com/{n}",
                    event_types=["batch.completed", "response.failed"],
                    extra_body={"genq": {"timeout_s": 5}},
                )
                for n in range(3)
            ]
            assert made[0].signing_secret.startswith("whsec_")
            assert made[0].object == "webhook_endpoint"
            assert made[0].event_types == ["batch.completed", "response.failed"]
            assert made[0].updated_at == made[0].created_at

            page = await webhooks.list(limit=2)
            assert [one.id for one in page.data] == [made[2].id, made[1].id]
            listed = [one.id async for one in webhooks.list(limit=2)]
            assert listed == [one.id for one in reversed(made)]

            changed = await webhooks.update(made[0].id, name="other")
            assert (changed.name, changed.url) == ("other", made[0].url)
            found = await webhooks.retrieve(made[0].id)
            assert found == changed
            assert found.signing_secret_hint == made[0].signing_secret_hint
            assert not hasattr(found, "signing_secret")

            types = await webhooks.event_types.list()
            assert types.data == [one.value for one in SUBSCRIBABLE_TYPES]
            gone = await webhooks.delete(made[0].id)
            assert (gone.id, gone.deleted) == (made[0].id, True)
            with pytest.raises(openai.NotFoundError):
                await webhooks.retrieve(made[0].id)
            with pytest.raises(openai.BadRequestError) as refused:
                await webhooks.create(name="n", url="https://10.0.0.1", event_types=[])
            assert refused.value.param == "url"

    run(settings, scenario)


def test_tests_are_signed_with_both_secrets_while_they_overlap(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with (
            client_of(api) as client,
            Receiver(Answer(status=200), Answer(status=200), Answer(status=500)) as hook,
            delivering(api.services.settings),
        ):
            webhooks = client.webhooks
            made = await webhooks.create(
                name="here", url=hook.url, event_types=["batch.completed"]
            )
            one = await webhooks.test(made.id, event_type="batch.completed")
            assert (one.status_code, one.success) == (200, True)
            assert (one.event_type, one.webhook_endpoint_id) == ("batch.completed", made.id)
            event = verified(hook.requests[0], made.signing_secret)
            assert isinstance(event, BatchCompletedWebhookEvent)
            assert event.data.id.startswith("batch_")
            assert hook.requests[0].headers["genq-trigger"] == "test"

            rotated = await webhooks.rotate_secret(
                made.id, keep_old_secret_active_for_24_hours=True
            )
            await webhooks.test(made.id, event_type="response.failed")
            for secret in (made.signing_secret, rotated.signing_secret):
                event = verified(hook.requests[1], secret)
                assert isinstance(event, ResponseFailedWebhookEvent)

            again = await webhooks.rotate_secret(made.id)
            bad = await webhooks.test(made.id, event_type="batch.failed")
            assert (bad.status_code, bad.success) == (500, True)
            verified(hook.requests[2], again.signing_secret)
            for secret in (made.signing_secret, rotated.signing_secret):
                with pytest.raises(openai.InvalidWebhookSignatureError):
                    verified(hook.requests[2], secret)

    run(inside(settings), scenario)


def test_every_type_has_a_sample_and_disabled_endpoints_are_tested_too(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        async with Receiver() as hook, delivering(api.services.settings):
            made = await api.http.post(
                "/v1/webhook_endpoints",
                json={"name": "n", "url": hook.url, "genq": {"max_in_flight": 8}},
            )
            path = f"/v1/webhook_endpoints/{made.json()['id']}"
            await api.http.post(f"{path}/disable")
            wanted = ["endpoint.test", *SUBSCRIBABLE_TYPES]
            answers = await asyncio.gather(
                *(api.http.post(f"{path}/test", json={"event_type": one}) for one in wanted)
            )
            for event_type, answer in zip(wanted, answers, strict=True):
                assert answer.status_code == 200, (event_type, answer.text)
                assert answer.json()["genq"]["delivered"]
            sent = [verified(one, made.json()["signing_secret"]) for one in hook.requests]
            assert sorted(one.type for one in sent) == sorted(wanted)
            plain = await api.http.post(f"{path}/test")
            assert plain.json()["event_type"] == "endpoint.test"

    run(inside(settings), scenario)


def test_a_test_that_nobody_answers_says_how_far_it_came(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with Receiver(otherwise=Answer(cut="head")) as hook:
            async with client_of(api) as client:
                made = await client.webhooks.create(
                    name="n",
                    url=hook.url,
                    event_types=["batch.failed"],
                    extra_body={"genq": {"timeout_s": 1}},
                )
                async with delivering(api.services.settings):
                    with pytest.raises(openai.APIStatusError) as refused:
                        await client.webhooks.test(made.id, event_type="batch.failed")
                told = refused.value
                assert (told.status_code, told.code) == (424, "webhook_test_failed")
                assert "disconnected" in told.message
            unknown = await api.http.post(
                f"/v1/webhook_endpoints/{made.id}/test", json={"event_type": "job.gone"}
            )
            assert "job.succeeded" in unknown.text

    run(inside(settings), scenario)
