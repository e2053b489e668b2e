"""Every way in which a model server can fail a call, and the one meaning of each."""

import asyncio
import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import pytest
from aiohttp import web
from pydantic import SecretStr

from infra.clock import SystemClock
from infra.http.outbound import OutboundPolicy
from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
    SettingsError,
)
from schemas.model_catalog import ModelServer
from tests.fixtures.claims import chat_claim, image_claim
from tests.fixtures.model_server import (
    PATIENCE,
    Answer,
    ScriptedModelServer,
    answers,
    answers_bytes,
    chat_answer,
    cuts,
    error_answer,
    hangs_up,
    image_answer,
    model_server,
    png,
    raw_server,
)
from tests.fixtures.provider_scenes import MODELS, failure_of, play, provider_of
from worker.providers.opening import open_providers
from worker.providers.provider import Provider

CLAIMS: Final = (image_claim(), chat_claim())
KINDS: Final = ("image", "chat")

FAILURES: Final[Mapping[str, tuple[Answer, type[GenqError]]]] = {
    "a bad parameter": (error_answer(400, "invalid_value"), ModelError),
    "a policy refusal": (error_answer(400, "content_policy_violation"), ModelRefusedError),
    "an unknown key": (error_answer(401, "invalid_api_key"), ModelAuthError),
    "a forbidden key": (error_answer(403), ModelAuthError),
    "an unknown model": (error_answer(404, "model_not_found"), ModelError),
    "a conflict": (error_answer(409), ModelUnavailableError),
    "a body it does not take": (error_answer(422), ModelError),
    "a rate limit": (error_answer(429), ModelRateLimitedError),
    "an empty account": (error_answer(429, "insufficient_quota"), ModelError),
    "a fault": (error_answer(500), ModelUnavailableError),
    "overload": (error_answer(503), ModelUnavailableError),
    "a gateway's page": (answers_bytes(b"<h1>Bad Gateway</h1>", 502), ModelUnavailableError),
    "a redirect": (answers({}, 307, {"Location": "/v1/elsewhere"}), ModelError),
    "a rate limit told with 200": (
        answers({"error": {"code": 429, "message": "slow"}}),
        ModelRateLimitedError,
    ),
    "no answer": (hangs_up(), ModelUnavailableError),
    "a cut answer": (cuts(b'{"data": [', announced=1000), ModelBadAnswerError),
    "a cut stream": (cuts(b'{"data": [', announced=None), ModelBadAnswerError),
    "half a document": (answers_bytes(b'{"data": ['), ModelBadAnswerError),
    "no text": (answers_bytes(b"\xff\xfe"), ModelBadAnswerError),
    "nothing": (answers_bytes(b""), ModelBadAnswerError),
    "a list": (answers([]), ModelBadAnswerError),
    "an empty object": (answers({}), ModelBadAnswerError),
    "empty lists": (answers({"data": [], "choices": []}), ModelBadAnswerError),
    "empty items": (answers({"data": [{}], "choices": [{}]}), ModelBadAnswerError),
    "unasked compression": (
        answers_bytes(b"{}", 200, {"Content-Encoding": "br"}),
        ModelBadAnswerError,
    ),
    "no content": (answers_bytes(b"{}", 204), ModelBadAnswerError),
}


@pytest.mark.parametrize("claim", CLAIMS, ids=KINDS)
@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_of_a_server_has_one_meaning(claim: Claim, failure: str) -> None:
    answer, kind = FAILURES[failure]

    error = failure_of(claim, answer)

    assert type(error) is kind
    assert "kites" in error.message


@pytest.mark.parametrize("b64_json", ["", "!!!", base64.b64encode(b"no picture").decode()])
def test_bytes_that_are_no_picture_are_a_bad_answer(b64_json: str) -> None:
    failure = failure_of(image_claim(), answers({"data": [{"b64_json": b64_json}]}))

    assert type(failure) is ModelBadAnswerError


def test_a_withheld_answer_is_a_refusal() -> None:
    failure = failure_of(chat_claim(), answers(chat_answer({"content": ""}, "content_filter")))

    assert type(failure) is ModelRefusedError


def test_the_server_says_when_to_come_back() -> None:
    answer = error_answer(429, headers={"retry-after-ms": "1500", "Retry-After": "2"})

    assert failure_of(image_claim(), answer).retry_after == timedelta(seconds=1.5)


def test_a_server_that_falls_silent_times_out() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    failure = failure_of(image_claim(), silent, silence=0.2)

    assert type(failure) is ModelTimeoutError


@pytest.mark.parametrize("answer", [b"", b"no HTTP at all\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n"])
def test_something_that_is_no_http_server_is_a_failure_of_its_own(answer: bytes) -> None:
    async def scenario() -> None:
        async with raw_server(answer) as origin, provider_of(f"{origin}/v1") as provider:
            with pytest.raises(ModelUnavailableError):
                await asyncio.wait_for(provider.generate(image_claim()), PATIENCE)

    asyncio.run(scenario())


def test_a_server_that_is_not_there_is_unavailable() -> None:
    async def scenario() -> None:
        async with raw_server(b"") as origin:
            pass
        async with provider_of(f"{origin}/v1") as provider:
            with pytest.raises(ModelUnavailableError) as failure:
                await asyncio.wait_for(provider.generate(chat_claim()), PATIENCE)
        assert type(failure.value) is ModelUnavailableError
        assert origin not in failure.value.message

    asyncio.run(scenario())


@pytest.mark.parametrize("after", [b"", b'{"data": ['], ids=["unanswered", "half-answered"])
def test_a_cancelled_call_closes_its_connection_at_once(after: bytes) -> None:
    async def scenario(server: ScriptedModelServer, provider: Provider) -> None:
        server.script = [server.hang(after=after), answers(image_answer(png()))]
        call = asyncio.create_task(provider.generate(image_claim()))
        await server.hanging.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.released.wait()
        # The client is none the worse for it.
        assert (await provider.generate(image_claim())).pictures

    play(scenario)


def test_the_wall_time_of_an_attempt_ends_the_call() -> None:
    async def scenario(server: ScriptedModelServer, provider: Provider) -> None:
        server.script = [server.hang()]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await provider.generate(image_claim())
        await server.released.wait()

    play(scenario)


def test_closing_the_providers_ends_what_still_runs() -> None:
    async def scenario() -> None:
        async with model_server() as server:
            server.script = [server.hang()]
            async with provider_of(server.base_url) as provider:
                call = asyncio.create_task(provider.generate(image_claim()))
                await server.hanging.wait()
            with pytest.raises(ModelUnavailableError):
                await asyncio.wait_for(call, PATIENCE)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("base_url", "key"), [("http://[::1/v1", "k"), ("http://a/v1", "schlüssel")]
)
def test_settings_that_cannot_work_are_told_apart_from_failures(
    base_url: str, key: str
) -> None:
    server = ModelServer(name="kites", base_url=base_url, api_key=SecretStr(key), models=MODELS)

    with pytest.raises(SettingsError, match="kites"):
        asyncio.run(
            open_providers(
                [server],
                policy=OutboundPolicy(),
                clock=SystemClock(),
                silence=timedelta(seconds=1),
            )
        )
