"""The unmodified OpenAI client manages endpoints and reads what they are sent."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any, Final

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.webhooks import BatchCompletedWebhookEvent, ResponseFailedWebhookEvent
from sqlalchemy import text

from infra.clock import SystemClock
from infra.postgres.engine import transaction
from infra.settings import Settings
from schemas.events import SUBSCRIBABLE_TYPES
from tests.api.served import Served, run
from tests.fixtures.delivering import delivering
from tests.fixtures.receiver import Answer, Received, Receiver
from tests.fixtures.verifying import know

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
            assert made[0].event_types == ["batch.completed", "response.failed"]

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

    run(settings, scenario)


def test_the_openai_client_hears_what_is_wrong_and_what_is_gone(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with client_of(api) as client:
            webhooks = client.webhooks
            made = await webhooks.create(
                name="n", url="https://example.com", event_types=["batch.failed"]
            )
            gone = await webhooks.delete(made.id)
            assert (gone.id, gone.deleted) == (made.id, True)
            with pytest.raises(openai.NotFoundError):
                await webhooks.retrieve(made.id)
            with pytest.raises(openai.BadRequestError) as refused:
                await webhooks.create(
                    name="n", url="https://10.0.0.1", event_types=["batch.failed"]
                )
            assert refused.value.param == "url"
            with pytest.raises(openai.BadRequestError) as refused:
                await webhooks.create(
                    name="n", url="https://example.com", event_types=["video.failed"]
                )
            assert "batch.completed" in refused.value.message

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
            know(made.signing_secret)
            one = await webhooks.test(made.id, event_type="batch.completed")
            assert (one.status_code, one.success) == (200, True)
            assert (one.event_type, one.webhook_endpoint_id) == ("batch.completed", made.id)
            event = verified(hook.requests[0], made.signing_secret)
            assert isinstance(event, BatchCompletedWebhookEvent)
            assert hook.requests[0].headers["genq-trigger"] == "test"

            rotated = await webhooks.rotate_secret(
                made.id, keep_old_secret_active_for_24_hours=True
            )
            know(rotated.signing_secret)
            await webhooks.test(made.id, event_type="response.failed")
            assert hook.requests[1].keys == [rotated.signing_secret, made.signing_secret]
            for secret in (made.signing_secret, rotated.signing_secret):
                event = verified(hook.requests[1], secret)
                assert isinstance(event, ResponseFailedWebhookEvent)

            again = await webhooks.rotate_secret(made.id)
            know(again.signing_secret)
            bad = await webhooks.test(made.id, event_type="batch.failed")
            assert (bad.status_code, bad.success) == (500, True)
            verified(hook.requests[2], again.signing_secret)
            for secret in (made.signing_secret, rotated.signing_secret):
                with pytest.raises(openai.InvalidWebhookSignatureError):
                    verified(hook.requests[2], secret)

    run(inside(settings), scenario)


def test_disabled_endpoints_are_tested_and_with_what_they_do_not_ask_for(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        async with Receiver() as hook, delivering(api.services.settings):
            made = await api.http.post(
                "/v1/webhook_endpoints",
                json={"name": "n", "url": hook.url, "genq": {"max_in_flight": 8}},
            )
            know(made.json()["signing_secret"])
            path = f"/v1/webhook_endpoints/{made.json()['id']}"
            await api.http.post(f"{path}/disable")
            wanted = ["endpoint.test", "job.succeeded", "endpoint.disabled"]
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
                know(made.signing_secret)
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


class Leaping(SystemClock):
    """A clock that a second of waiting costs a quarter of an hour."""

    def monotonic(self) -> float:
        return super().monotonic() * 900


def test_a_test_that_nobody_sends_is_taken_back(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await api.http.post(
            "/v1/webhook_endpoints", json={"name": "n", "url": "https://example.com"}
        )
        answer = await api.http.post(f"/v1/webhook_endpoints/{made.json()['id']}/test")
        assert (answer.status_code, answer.json()["code"]) == (504, "webhook_test_not_sent")
        assert "no delivery process" in answer.json()["detail"]
        async with transaction(api.services.engine) as connection:
            left = await connection.execute(text("SELECT count(*) FROM delivery"))
            assert left.scalar_one() == 0

    run(settings, scenario, lambda services: replace(services, clock=Leaping()))
