"""The scripted model server of the tests and the development simulator: alike to a provider.

What is proved against the one therefore holds for what `genq up` runs.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

import pytest

from infra.simulator.app import SERVICE, create_app
from infra.simulator.script import Fault, FaultKind, Script
from infra.simulator.server import serve
from infra.simulator.serving import Service
from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from schemas.generation import Kind
from tests.fixtures.claims import chat_claim, image_claim
from tests.fixtures.model_server import (
    PATIENCE,
    ScriptedModelServer,
    answers,
    answers_bytes,
    chat_answer,
    cuts,
    error_answer,
    image_answer,
    model_server,
    png,
)
from tests.fixtures.provider_scenes import provider_of
from tests.fixtures.until import until

MEANINGS: Final[dict[FaultKind, type[GenqError]]] = {
    FaultKind.RATE_LIMIT: ModelRateLimitedError,
    FaultKind.SERVER_ERROR: ModelUnavailableError,
    FaultKind.CUT: ModelBadAnswerError,
    FaultKind.MALFORMED: ModelBadAnswerError,
    FaultKind.REJECT: ModelError,
    FaultKind.REFUSE_CONTENT: ModelRefusedError,
    FaultKind.UNAUTHORIZED: ModelAuthError,
}
IMAGE: Final = image_claim(
    input={"prompt": "a red kite over the sea", "n": 2, "size": "64x96", "seed": 7}
)
CLAIMS: Final = {"image": IMAGE, "chat": chat_claim()}


class ModelServerScene(Protocol):
    @property
    def base_url(self) -> str: ...

    def follow(self, claim: Claim, *faults: FaultKind) -> None:
        """Meet each of the next calls with one fault, and then answer well."""
        ...

    def hanging(self) -> bool:
        """Whether a call waits for an answer now."""
        ...


@dataclass
class Scripted:
    server: ScriptedModelServer

    @property
    def base_url(self) -> str:
        return self.server.base_url

    def follow(self, claim: Claim, *faults: FaultKind) -> None:
        pictures = [png("red", (64, 96)), png("blue", (64, 96))]
        chat = claim.kind is Kind.CHAT
        good = chat_answer({"content": "Ikarus"}) if chat else image_answer(*pictures)
        answer = {
            FaultKind.RATE_LIMIT: error_answer(429, headers={"retry-after": "2.5"}),
            FaultKind.SERVER_ERROR: error_answer(500),
            FaultKind.HANG: self.server.hang(),
            FaultKind.CUT: cuts(b"{", announced=100),
            FaultKind.MALFORMED: answers_bytes(b'{"choices": [{"mess'),
            FaultKind.REJECT: error_answer(400),
            FaultKind.REFUSE_CONTENT: error_answer(400, "content_policy_violation"),
            FaultKind.UNAUTHORIZED: error_answer(401, "invalid_api_key"),
        }
        self.server.script = [*(answer[fault] for fault in faults), answers(good)]

    def hanging(self) -> bool:
        return self.server.hanging.is_set() and not self.server.released.is_set()


@dataclass
class Simulated:
    origin: str
    service: Service

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    def follow(self, claim: Claim, *faults: FaultKind) -> None:
        planned = [Fault(kind=kind, retry_after=2.5) for kind in faults]
        self.service.direction.follow(Script(faults=tuple(planned)))

    def hanging(self) -> bool:
        return self.service.calls.in_flight == 1


@asynccontextmanager
async def scripted() -> AsyncGenerator[ModelServerScene]:
    async with model_server() as server:
        yield Scripted(server)


@asynccontextmanager
async def simulated() -> AsyncGenerator[ModelServerScene]:
    app = create_app()
    async with serve(app) as origin:
        yield Simulated(origin, app[SERVICE])


SCENES: Final[dict[str, Callable[[], AbstractAsyncContextManager[ModelServerScene]]]] = {
    "scripted": scripted,
    "simulated": simulated,
}
on_every_server = pytest.mark.parametrize("scene", SCENES)


@on_every_server
def test_pictures_come_in_the_size_that_was_asked_for(scene: str) -> None:
    async def scenario() -> None:
        async with SCENES[scene]() as server, provider_of(server.base_url) as provider:
            server.follow(IMAGE)
            reply = await asyncio.wait_for(provider.generate(IMAGE), PATIENCE)
        assert [(picture.width, picture.height) for picture in reply.pictures] == [(64, 96)] * 2
        assert reply.pictures[0].data != reply.pictures[1].data
        assert reply.usage.images == 2

    asyncio.run(scenario())


@on_every_server
def test_words_come_with_the_reason_for_their_end(scene: str) -> None:
    async def scenario() -> None:
        async with SCENES[scene]() as server, provider_of(server.base_url) as provider:
            server.follow(chat_claim())
            reply = await asyncio.wait_for(provider.generate(chat_claim()), PATIENCE)
        assert reply.text
        assert reply.details["finish_reason"] == "stop"

    asyncio.run(scenario())


@on_every_server
@pytest.mark.parametrize("kind", CLAIMS)
@pytest.mark.parametrize("fault", MEANINGS)
def test_a_fault_has_one_meaning_and_the_next_call_succeeds(
    scene: str, kind: str, fault: FaultKind
) -> None:
    claim = CLAIMS[kind]

    async def scenario() -> None:
        async with SCENES[scene]() as server, provider_of(server.base_url) as provider:
            server.follow(claim, fault)
            with pytest.raises(GenqError) as failure:
                await asyncio.wait_for(provider.generate(claim), PATIENCE)
            assert type(failure.value) is MEANINGS[fault]
            if fault is FaultKind.RATE_LIMIT:
                assert failure.value.retry_after == timedelta(seconds=2.5)
            reply = await asyncio.wait_for(provider.generate(claim), PATIENCE)
            assert reply.text or reply.pictures

    asyncio.run(scenario())


@on_every_server
@pytest.mark.parametrize("kind", CLAIMS)
def test_a_server_sees_at_once_that_a_call_was_cancelled(scene: str, kind: str) -> None:
    claim = CLAIMS[kind]

    async def scenario() -> None:
        async with SCENES[scene]() as server, provider_of(server.base_url) as provider:
            server.follow(claim, FaultKind.HANG)
            call = asyncio.create_task(provider.generate(claim))
            await until(server.hanging, "the call arrived")
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: not server.hanging(), "the server noticed")

    asyncio.run(scenario())


def test_the_simulators_links_lead_to_its_pictures() -> None:
    asked: dict[str, Any] = {**IMAGE.input, "extra_body": {"response_format": "url"}}

    async def scenario() -> None:
        async with simulated() as server, provider_of(server.base_url) as provider:
            by_link = await provider.generate(image_claim(input=asked))
            by_value = await provider.generate(IMAGE)
        assert [p.data for p in by_link.pictures] == [p.data for p in by_value.pictures]

    asyncio.run(scenario())
