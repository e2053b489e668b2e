"""What a model server's rate headers say is heard on any answer, success included."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import pytest
from pydantic import SecretStr

from infra.clock import SystemClock
from infra.http.outbound import OutboundPolicy
from schemas.errors import GenqError, ModelRateLimitedError
from schemas.model_catalog import ModelServer
from tests.fixtures.claims import image_claim
from tests.fixtures.model_server import (
    API_KEY,
    PATIENCE,
    Answer,
    answers,
    error_answer,
    image_answer,
    model_server,
    png,
)
from tests.fixtures.provider_scenes import MODELS
from worker.providers.opening import open_providers

USED_UP: Final = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "12s",
    "x-ratelimit-remaining-tokens": "900",
    "x-ratelimit-reset-tokens": "1m30s",
}
Heard = list[tuple[str, timedelta]]


def heard_from(answer: Answer) -> tuple[Heard, GenqError | None]:
    heard: Heard = []
    failures: list[GenqError] = []

    def closed(name: str, pause: timedelta) -> None:
        heard.append((name, pause))

    async def scene() -> None:
        async with model_server() as scripted:
            scripted.script = [answer]
            server = ModelServer(
                name="kites",
                base_url=scripted.base_url,
                api_key=SecretStr(API_KEY),
                models=MODELS,
            )
            providers = await open_providers(
                [server],
                policy=OutboundPolicy(),
                clock=SystemClock(),
                silence=timedelta(seconds=30),
                closed=closed,
            )
            try:
                await asyncio.wait_for(providers.of(server).generate(image_claim()), PATIENCE)
            except GenqError as failure:
                failures.append(failure)
            finally:
                await providers.close()

    asyncio.run(scene())
    return heard, failures[0] if failures else None


def success(headers: Mapping[str, str]) -> Answer:
    return answers(image_answer(png()), headers=headers)


def test_a_success_that_used_up_the_account_closes_the_server_until_its_reset() -> None:
    assert heard_from(success(USED_UP)) == ([("kites", timedelta(seconds=12))], None)


def test_a_success_that_leaves_something_closes_nothing() -> None:
    headers = USED_UP | {"x-ratelimit-remaining-requests": "1"}

    assert heard_from(success(headers)) == ([], None)


def test_a_refusal_that_does_not_say_when_to_come_back_is_understood_by_its_reset() -> None:
    heard, failure = heard_from(error_answer(429, headers=USED_UP))

    assert heard == [("kites", timedelta(seconds=12))]
    assert isinstance(failure, ModelRateLimitedError)
    assert failure.retry_after is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "2"}, 2), ({"retry-after-ms": "300"}, 0.3)],
)
def test_a_retry_after_says_it_better_than_a_reset(
    headers: dict[str, str], seconds: float
) -> None:
    heard, failure = heard_from(error_answer(429, headers=USED_UP | headers))

    assert heard == []
    assert isinstance(failure, ModelRateLimitedError)
    assert failure.retry_after == timedelta(seconds=seconds)
