"""The simulator through the official SDK: every route answers as OpenAI's would."""

import asyncio
import base64
import math
import struct
from io import BytesIO
from typing import Any, cast

import openai
import pytest
from openai.types import ImagesResponse
from PIL import Image

from infra.simulator.gallery import Gallery
from tests.fixtures.simulation import PROMPT, SMALL, Simulation, simulation, with_simulation

QUESTION = "Tell me about red kites over the sea."
ASKED: Any = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": QUESTION}]


def opened(encoded: str | None) -> Image.Image:
    assert encoded is not None
    with Image.open(BytesIO(base64.b64decode(encoded, validate=True))) as image:
        image.load()
        return image


def draw(**asked: Any) -> ImagesResponse:
    async def scenario(running: Simulation) -> ImagesResponse:
        full: Any = {"model": "sim-image-1", "prompt": PROMPT, "size": SMALL} | asked
        return cast("ImagesResponse", await running.sdk.images.generate(**full))

    return with_simulation(scenario)


def test_images_come_as_base64_png_with_usage_and_seed() -> None:
    answer = draw(n=3, size="192x128", extra_body={"seed": 7})
    assert answer.data is not None
    assert answer.usage is not None
    assert [opened(image.b64_json).size for image in answer.data] == [(192, 128)] * 3
    assert [opened(image.b64_json).format for image in answer.data] == ["PNG"] * 3
    assert len({image.b64_json for image in answer.data}) == 3
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer.usage.output_tokens == 3 * 24
    assert answer.usage.input_tokens_details.text_tokens > 0
    assert answer.model_extra is not None
    assert answer.model_extra["genq"] == {"simulator": True, "seed": 7}
    assert answer.size is not None


def test_a_streamed_image_comes_after_its_partial_images() -> None:
    async def scenario(running: Simulation) -> list[Any]:
        stream = await running.sdk.images.generate(
            model="sim-image-1", prompt=PROMPT, stream=True, partial_images=2
        )
        return [event async for event in stream]

    first, second, last = with_simulation(scenario)
    assert [event.partial_image_index for event in (first, second)] == [0, 1]
    assert (first.type, last.type) == (
        "image_generation.partial_image",
        "image_generation.completed",
    )
    assert {opened(event.b64_json).size for event in (first, second, last)} == {(512, 512)}
    assert len({event.b64_json for event in (first, second, last)}) == 3
    whole = draw(size="512x512")
    assert whole.data is not None
    assert last.b64_json == whole.data[0].b64_json
    assert last.usage.total_tokens == last.usage.input_tokens + last.usage.output_tokens


def test_without_a_seed_the_same_prompt_gives_the_same_picture() -> None:
    first, second = draw(), draw()
    assert first.data is not None
    assert second.data is not None
    assert first.data[0].b64_json == second.data[0].b64_json


def test_the_usual_size_is_512_and_auto_is_the_usual_one() -> None:
    answer = draw(size="auto")
    assert answer.data is not None
    assert opened(answer.data[0].b64_json).size == (512, 512)


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_images_come_by_link_in_the_format_asked_for(output_format: str) -> None:
    async def scenario(running: Simulation) -> None:
        answer = await running.sdk.images.generate(
            model="sim-image-1",
            prompt=PROMPT,
            size=SMALL,  # pyright: ignore[reportArgumentType] - the SDK knows other sizes
            response_format="url",
            output_format=output_format,  # pyright: ignore[reportArgumentType] - a parameter
            output_compression=50,
        )
        assert answer.data is not None
        url = answer.data[0].url
        assert url is not None
        async with running.http.get(url) as response:
            assert response.content_type == f"image/{output_format}"
            assert response.headers["x-genq-simulator"] == "1"
            with Image.open(BytesIO(await response.read())) as image:
                assert (image.format, image.size) == (output_format.upper(), (64, 64))

    with_simulation(scenario)


def test_links_of_the_same_picture_are_the_same_and_unknown_ones_are_not_found() -> None:
    async def scenario(running: Simulation) -> None:
        body = {"prompt": PROMPT, "size": SMALL, "response_format": "url"}
        (_, first), (_, second) = [
            await running.post("/v1/images/generations", body) for _ in range(2)
        ]
        assert first["data"] == second["data"]
        status, answer = await running.get("/images/00.png")
        assert (status, answer["error"]["code"]) == (404, "not_found")

    with_simulation(scenario)


def test_embeddings_are_the_same_in_both_encodings() -> None:
    texts = ["a red kite", "a blue sea", "a red kite"]

    async def scenario(running: Simulation) -> None:
        packed = await running.sdk.embeddings.create(
            model="sim-embedding-1", input=texts, encoding_format="base64", dimensions=64
        )
        plain = await running.sdk.embeddings.create(
            model="sim-embedding-1", input=texts, encoding_format="float", dimensions=64
        )
        usual = await running.sdk.embeddings.create(model="sim-embedding-1", input="a kite")
        raw = packed.data[0].embedding
        if isinstance(raw, str):
            raw = list(struct.unpack("<64f", base64.b64decode(raw)))
        assert raw == pytest.approx(plain.data[0].embedding, abs=1e-6)
        assert [entry.index for entry in plain.data] == [0, 1, 2]
        assert plain.data[0].embedding == plain.data[2].embedding != plain.data[1].embedding
        assert math.fsum(x * x for x in plain.data[1].embedding) == pytest.approx(1, abs=1e-5)
        assert packed.usage.prompt_tokens == packed.usage.total_tokens > 0
        assert len(usual.data[0].embedding) == 256

    with_simulation(scenario)


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2, 3], [4]]])
def test_embeddings_take_token_numbers(tokens: Any) -> None:
    async def scenario(running: Simulation) -> int:
        answer = await running.sdk.embeddings.create(model="sim-embedding-1", input=tokens)
        return len(answer.data)

    assert with_simulation(scenario) == (2 if isinstance(tokens[0], list) else 1)


def test_moderation_flags_by_keyword_and_keeps_the_order() -> None:
    async def scenario(running: Simulation) -> None:
        many = await running.sdk.moderations.create(input=["a red kite", "how to build a bomb"])
        parts = await running.sdk.moderations.create(
            model="sim-moderation-1", input=[{"type": "text", "text": "I will kill you"}]
        )
        assert [result.flagged for result in many.results] == [False, True]
        assert many.results[1].categories.illicit_violent
        assert many.results[0].category_scores.violence < 0.01
        assert [result.categories.violence for result in parts.results] == [True]

    with_simulation(scenario)


def test_models_are_listed_and_shown() -> None:
    async def scenario(running: Simulation) -> None:
        listed = [model.id async for model in running.sdk.models.list()]
        shown = await running.sdk.models.retrieve("sim-chat-1")
        assert listed == [
            "sim-image-1",
            "sim-upscale-1",
            "sim-chat-1",
            "sim-embedding-1",
            "sim-speech-1",
            "sim-moderation-1",
        ]
        assert (shown.id, shown.owned_by) == ("sim-chat-1", "genq-simulator")
        with pytest.raises(openai.NotFoundError):
            await running.sdk.models.retrieve("gpt-5")

    with_simulation(scenario)


def test_an_unknown_model_is_not_found_and_a_wrong_one_is_refused() -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        draw(model="gpt-5")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        draw(model="sim-chat-1")
    assert wrong.value.param == "model"


def test_one_key_is_refused_and_every_other_is_accepted() -> None:
    async def scenario() -> None:
        async with simulation("invalid") as running:
            for call in (
                running.sdk.images.generate(prompt=PROMPT, model="sim-image-1"),
                running.sdk.chat.completions.create(model="sim-chat-1", messages=ASKED),
                running.sdk.models.retrieve("sim-chat-1"),
            ):
                with pytest.raises(openai.AuthenticationError) as refused:
                    await call
                assert refused.value.code == "invalid_api_key"
            status, _ = await running.post("/v1/moderations", {"input": "no key at all"})
            assert status == 200

    asyncio.run(scenario())


def test_health_and_front_page_say_what_this_is() -> None:
    async def scenario(running: Simulation) -> None:
        status, health = await running.get("/healthz")
        assert (status, health["status"]) == (200, "ok")
        assert "no real model" in health["simulator"]
        async with running.http.get(running.url) as response:
            assert "development simulator" in await response.text()

    with_simulation(scenario)


def test_many_calls_for_one_new_picture_draw_it_once() -> None:
    async def scenario(running: Simulation) -> None:
        body = {"prompt": PROMPT, "size": "256x256"}
        answers = await asyncio.gather(
            *(running.post("/v1/images/generations", body) for _ in range(200))
        )
        assert {status for status, _ in answers} == {200}
        assert len({answer["data"][0]["b64_json"] for _, answer in answers}) == 1
        gallery: Gallery = running.service.gallery
        assert len(gallery._kept) == 1

    with_simulation(scenario)
