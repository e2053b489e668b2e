"""The provider of Cog servers: what it asks, what it makes of answers, how it fails."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import SecretStr, ValidationError

from infra.clock import SystemClock
from infra.http.outbound import OutboundPolicy
from infra.new_ids import new_key
from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    InputError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.protocols import Protocol
from tests.fixtures import cog_model
from tests.fixtures.claims import image_claim
from tests.fixtures.cog_server import (
    Answer,
    CogServer,
    cog_server,
    real_cog_server,
    until_health,
)
from tests.fixtures.model_server import (
    API_KEY,
    PATIENCE,
    answers,
    answers_bytes,
    cuts,
    hangs_up,
    png,
)
from worker.progress import LiveNews
from worker.providers.opening import open_providers
from worker.providers.provider import Provider, Reply

MODEL: Final = "sim-image-1"
URL: Final = "data:image/png;base64,"

Scene = Callable[[str, Provider], Awaitable[None]]


class Heard:
    """What a watcher hears; stands for ``LiveNews``."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def is_watched(self, claim: Claim) -> bool:
        del claim
        return True

    def progressed(self, claim: Claim, **told: Any) -> None:
        del claim
        self.told.append(told)


def claim_of(prompt: str, **more: Any) -> Claim:
    return image_claim(job_id=new_key(), model=MODEL, input={"prompt": prompt, **more})


@asynccontextmanager
async def provider_of(
    origin: str, *, news: Any = None, silence: float = 30, **spec: Any
) -> AsyncGenerator[Provider]:
    model = {"name": MODEL, "kind": Kind.IMAGE, "streams_progress": news is not None} | spec
    server = ModelServer(
        name="kites",
        base_url=origin,
        protocol=Protocol.COG,
        api_key=SecretStr(API_KEY),
        models=(ModelSpec.model_validate(model),),
    )
    providers = await open_providers(
        [server],
        policy=OutboundPolicy(),
        clock=SystemClock(),
        silence=timedelta(seconds=silence),
        news=news,
    )
    try:
        yield providers.of(server)
    finally:
        await providers.close()


@pytest.fixture(params=["ours", "cog's"])
def on_both(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    """Plays a scene on our server, and on Cog's own."""

    def play(scene: Scene, **provider: Any) -> None:
        async def inside() -> None:
            async with asyncio.timeout(60):
                if request.param == "ours":
                    async with (
                        cog_server() as server,
                        provider_of(server.origin, **provider) as one,
                    ):
                        await scene(server.origin, one)
                else:
                    async with (
                        real_cog_server(tmp_path) as origin,
                        provider_of(origin, **provider) as one,
                    ):
                        await scene(origin, one)

        asyncio.run(inside())

    return play


# --- on both servers


def test_a_job_gets_its_pictures(on_both: Callable[..., None]) -> None:
    async def scene(_: str, provider: Provider) -> None:
        reply = await provider.generate(claim_of("a kite", n=2))

        assert [picture.data for picture in reply.pictures] == [cog_model.PNG] * 2
        assert reply.usage.images == 2

    on_both(scene)


def test_watchers_hear_the_steps_of_the_log_and_see_pictures_early(
    on_both: Callable[..., None],
) -> None:
    heard = Heard()

    async def scene(_: str, provider: Provider) -> None:
        reply = await provider.generate(claim_of("a kite", n=2))
        assert len(reply.pictures) == 2

    on_both(scene, news=heard)

    steps = [told["step"] for told in heard.told if "step" in told]
    assert steps == [1, 2, 3, 4]
    assert sum("preview" in told for told in heard.told) == 2


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("fail", ModelError),
        ("nsfw", ModelRefusedError),
        ("memory", ModelUnavailableError),
    ],
)
def test_a_failed_prediction_is_known_by_its_kind_and_not_quoted(
    on_both: Callable[..., None], prompt: str, wanted: type[GenqError]
) -> None:
    async def scene(_: str, provider: Provider) -> None:
        with pytest.raises(GenqError) as failure:
            await provider.generate(claim_of(prompt))
        assert type(failure.value) is wanted
        assert cog_model.FAILURES[prompt] not in failure.value.message

    on_both(scene)


def test_an_input_that_the_model_refuses_is_named(on_both: Callable[..., None]) -> None:
    async def scene(_: str, provider: Provider) -> None:
        with pytest.raises(ModelError, match="parameter num_outputs") as failure:
            await provider.generate(claim_of("a kite", n=9))
        assert not failure.value.retryable

    on_both(scene)


def test_a_server_without_a_free_place_is_like_one_that_limits_rates(
    on_both: Callable[..., None],
) -> None:
    async def scene(origin: str, provider: Provider) -> None:
        first = asyncio.create_task(provider.generate(claim_of("slow 2")))
        await until_health(origin, "BUSY")
        with pytest.raises(ModelRateLimitedError):
            await provider.generate(claim_of("a kite"))
        assert len((await first).pictures) == 1

    on_both(scene)


@pytest.mark.parametrize("news", [None, Heard()])
def test_a_call_that_is_cancelled_frees_its_place_at_once(
    on_both: Callable[..., None], news: Heard | None
) -> None:
    async def scene(origin: str, provider: Provider) -> None:
        call = asyncio.create_task(provider.generate(claim_of("slow 50")))
        await until_health(origin, "BUSY")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until_health(origin, "READY")

    on_both(scene, news=news)


# --- on ours, which can do wrong


def outcome_of(*script: Answer, **more: Any) -> tuple[Reply | GenqError, CogServer]:
    found: list[tuple[Reply | GenqError, CogServer]] = []

    async def inside() -> None:
        claim = more.pop("claim", claim_of("a kite"))
        streams = more.pop("streams", True)
        async with (
            asyncio.timeout(PATIENCE),
            cog_server(streams=streams) as server,
            provider_of(server.origin, **more) as provider,
        ):
            server.script = list(script)
            try:
                found.append((await provider.generate(claim), server))
            except GenqError as error:
                found.append((error, server))

    asyncio.run(inside())
    return found[0]


def test_a_prediction_is_asked_in_the_models_words_with_key_and_job() -> None:
    claim = image_claim(
        model=MODEL,
        attempt=2,
        fence=7,
        input={
            "prompt": "a kite",
            "n": 3,
            "size": "640x480",
            "seed": 7,
            "extra_body": {"guidance": 3.5},
        },
    )

    _, server = outcome_of(claim=claim, inputs={"seed": "random_seed"})

    ((name, headers, body),) = server.asked
    assert name == f"{format_id('job', claim.job_id)}-7"
    assert body == {
        "input": {
            "prompt": "a kite",
            "num_outputs": 3,
            "width": 640,
            "height": 480,
            "random_seed": 7,
            "guidance": 3.5,
        }
    }
    assert headers["Authorization"] == f"Bearer {API_KEY}"
    assert headers["x-genq-job"] == format_id("job", claim.job_id)


def test_a_model_that_does_not_stream_is_asked_for_the_whole() -> None:
    reply, server = outcome_of(news=Heard(), streams=False)

    assert isinstance(reply, Reply)
    assert [headers.get("Accept") for _, headers, _ in server.asked] == [
        "text/event-stream",
        "*/*",
    ]


EVENTS: Final = "text/event-stream"
WRONG: Final[dict[str, tuple[Answer, type[GenqError]]]] = {
    "starting": (answers({"error": "Setup has not finished."}, 503), ModelUnavailableError),
    "server error": (answers({}, 500), ModelUnavailableError),
    "rate limit": (answers({}, 429), ModelRateLimitedError),
    "wrong key": (answers({}, 401), ModelAuthError),
    "nothing there": (answers({}, 404), ModelError),
    "redirect": (answers_bytes(b"", 307, {"location": "http://127.0.0.1:1/"}), ModelError),
    "silence": (hangs_up(), ModelUnavailableError),
    "cut": (cuts(b'{"status": "succ', announced=500), ModelBadAnswerError),
    "html": (answers_bytes(b"<html>", content_type="text/html"), ModelBadAnswerError),
    "no output": (answers({"status": "succeeded"}), ModelBadAnswerError),
    "empty": (answers({"status": "succeeded", "output": []}), ModelBadAnswerError),
    "object": (answers({"status": "succeeded", "output": {"a": 1}}), ModelBadAnswerError),
    "no base64": (answers({"status": "succeeded", "output": f"{URL}%"}), ModelBadAnswerError),
    "text": (answers({"status": "succeeded", "output": "data:,x"}), ModelBadAnswerError),
    "no end": (answers({"status": "processing"}), ModelBadAnswerError),
    "cancelled": (answers({"status": "canceled"}), ModelUnavailableError),
    "stream without end": (
        answers_bytes(b"event: start\ndata: {}\n\n", content_type=EVENTS),
        ModelBadAnswerError,
    ),
    "stream of nonsense": (
        answers_bytes(b"event: completed\ndata: {x\n\n", content_type=EVENTS),
        ModelBadAnswerError,
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_every_wrong_answer_is_a_clear_failure(wrong: str) -> None:
    answer, wanted = WRONG[wrong]

    failure, server = outcome_of(answer)

    assert type(failure) is wanted
    assert len(server.asked) == 1


def test_half_a_picture_is_a_bad_answer() -> None:
    half = base64.b64encode(png()[:20]).decode()

    failure, _ = outcome_of(answers({"status": "succeeded", "output": f"{URL}{half}"}))

    assert type(failure) is ModelBadAnswerError


def test_a_server_that_says_when_is_asked_again_then() -> None:
    failure, _ = outcome_of(answers({}, 409, {"retry-after": "3"}))

    assert isinstance(failure, ModelRateLimitedError)
    assert failure.retry_after == timedelta(seconds=3)


def test_a_prediction_that_takes_too_long_is_given_up() -> None:
    failure, server = outcome_of(claim=claim_of("slow 50"), silence=0.3)

    assert isinstance(failure, ModelUnavailableError)
    assert server.cancelled == [server.asked[0][0]]


def test_two_pictures_for_a_model_of_one_are_refused_and_named() -> None:
    picture = f"{URL}AAAA"
    claim = image_claim(
        model=MODEL,
        kind=Kind.IMAGE_EDIT,
        input={"prompt": "a kite", "images": [picture, picture]},
    )

    failure, server = outcome_of(claim=claim, kind=Kind.IMAGE_EDIT)

    assert isinstance(failure, InputError)
    assert "/input/images" in failure.message
    assert server.asked == []


def test_edits_send_their_pictures_by_the_models_names() -> None:
    picture = f"{URL}AAAA"
    both = {"prompt": "a kite", "images": [picture, picture]}
    one = {"prompt": "a kite", "images": [picture], "mask": picture}

    asked = [
        outcome_of(
            claim=image_claim(model=MODEL, kind=Kind.IMAGE_EDIT, input=told),
            kind=Kind.IMAGE_EDIT,
            inputs=inputs,
        )[1].asked[0][2]["input"]
        for told, inputs in ((both, {"images": "image_input"}), (one, {}))
    ]

    assert asked == [
        {"prompt": "a kite", "image_input": [picture, picture]},
        {"prompt": "a kite", "image": picture, "mask": picture},
    ]


def test_the_words_of_a_language_model_are_put_together() -> None:
    claim = image_claim(model=MODEL, kind=Kind.COMPLETION, input={"prompt": "a kite"})
    said = answers({"status": "succeeded", "output": ["a ", "red", "\x00 kite"]})

    reply, _ = outcome_of(said, claim=claim, kind=Kind.COMPLETION)

    assert isinstance(reply, Reply)
    assert reply.text == "a red\ufffd kite"


def test_a_kind_that_cog_does_not_know_is_refused_at_start() -> None:
    with pytest.raises(
        ValidationError, match=r"a cog server runs completion, image, image_edit"
    ):
        ModelServer(
            name="a",
            base_url="http://127.0.0.1:1",
            protocol=Protocol.COG,
            models=(ModelSpec(name="m", kind=Kind.CHAT),),
        )


def test_what_stands_for_live_news_has_what_is_called_of_it() -> None:
    assert all(hasattr(LiveNews, name) for name in ("is_watched", "progressed"))
