"""What the simulator makes of pictures that it is sent: edits, sizes, what it sees."""

from base64 import b64decode, b64encode
from io import BytesIO
from typing import Any, cast

import pytest
from openai import BadRequestError
from openai.types import ImagesResponse
from PIL import Image, ImageStat

from tests.fixtures.model_server import png
from tests.fixtures.simulation import PROMPT, Simulation, with_simulation


def _file(image: Image.Image, kind: str = "PNG") -> bytes:
    file = BytesIO()
    image.save(file, kind)
    return file.getvalue()


def _red(size: tuple[int, int] = (64, 80)) -> bytes:
    return png("red", size)


def _share(image: Image.Image, channel: int) -> float:
    means = ImageStat.Stat(image.convert("RGB")).mean
    return means[channel] / sum(means)


async def _edit(running: Simulation, *pictures: bytes, **asked: Any) -> Image.Image:
    files: Any = [BytesIO(one) for one in pictures]
    full: Any = {"model": "sim-image-1", "prompt": PROMPT, "image": files} | asked
    answer = cast("ImagesResponse", await running.sdk.images.edit(**full))
    assert answer.data
    return Image.open(BytesIO(b64decode(answer.data[0].b64_json or "")))


def test_an_edit_shows_what_was_sent() -> None:
    async def scenario(running: Simulation) -> None:
        red = await _edit(running, _red())
        blue = await _edit(running, png("blue", (64, 80)))
        faithful = await _edit(running, _red(), input_fidelity="high")

        assert red.size == (64, 80)
        assert _share(red, 0) > _share(blue, 0) + 0.2
        assert _share(faithful, 0) > _share(red, 0)
        both = await _edit(running, _red(), png("blue", (64, 80)))
        assert _share(blue, 0) < _share(both, 0) < _share(red, 0)

    with_simulation(scenario)


@pytest.mark.parametrize("by_mask", [True, False])
def test_what_is_opaque_keeps_its_pixels_and_what_is_clear_is_painted(by_mask: bool) -> None:
    old = Image.effect_mandelbrot((96, 64), (-3, -2.5, 2, 2.5), 100).convert("RGB")
    canvas = Image.new("RGBA", (160, 64), (0, 0, 0, 0))
    canvas.paste(old, (32, 0))
    asked: dict[str, Any] = {"mask": BytesIO(_file(canvas))} if by_mask else {}
    sent = _file(canvas.convert("RGB") if by_mask else canvas)

    async def scenario(running: Simulation) -> None:
        made = await _edit(running, sent, **asked)

        assert made.size == (160, 64)
        assert made.convert("RGB").crop((32, 0, 128, 64)).tobytes() == old.tobytes()
        assert ImageStat.Stat(made.crop((0, 0, 32, 64))).sum[0] > 0

    with_simulation(scenario)


def test_an_upscaler_makes_pictures_larger_and_nothing_else() -> None:
    async def scenario(running: Simulation) -> None:
        small = Image.linear_gradient("L").convert("RGB").resize((90, 70))
        twice = await _edit(running, _file(small), model="sim-upscale-1")
        four = await _edit(running, _file(small), model="sim-upscale-1", size="360x280")

        assert (twice.size, four.size) == ((180, 140), (360, 280))
        wanted = small.resize((180, 140), Image.Resampling.LANCZOS)
        assert twice.convert("RGB").tobytes() == wanted.tobytes()
        assert twice.info["Software"] == "genq development simulator (no model)"
        refused: list[dict[str, Any]] = [
            {"mask": BytesIO(_file(small.convert("RGBA")))},
            {"size": "4097x64"},
        ]
        for wrong in refused:
            with pytest.raises(BadRequestError):
                await _edit(running, _file(small), model="sim-upscale-1", **wrong)

    with_simulation(scenario)


def test_pictures_that_cannot_be_used_are_refused() -> None:
    async def scenario(running: Simulation) -> None:
        damaged = _file(Image.effect_noise((64, 64), 90))[:-900]
        wrong: list[tuple[bytes, dict[str, Any]]] = [
            (damaged, {}),
            (_file(Image.new("1", (5000, 5000))), {}),
            (_file(Image.new("L", (64, 64)), "GIF"), {}),
            (_red(), {"mask": BytesIO(_red((64, 64)))}),
            (_red(), {"size": "4096x4096"}),
        ]
        for picture, asked in wrong:
            with pytest.raises(BadRequestError):
                await _edit(running, picture, **asked)
        assert (await _edit(running, _red())).size == (64, 80)

    with_simulation(scenario)


def test_a_chat_about_a_picture_says_what_can_be_measured() -> None:
    async def scenario(running: Simulation) -> None:
        async def say(words: str, *pictures: bytes) -> str:
            parts: list[Any] = [{"type": "text", "text": words}]
            for picture in pictures:
                url = f"data:image/png;base64,{b64encode(picture).decode()}"
                parts.append({"type": "image_url", "image_url": {"url": url}})
            answer = await running.sdk.chat.completions.create(
                model="sim-chat-1", messages=[{"role": "user", "content": parts}]
            )
            assert answer.usage
            assert answer.usage.prompt_tokens > len(pictures)
            return answer.choices[0].message.content or ""

        own = await running.sdk.images.generate(
            model="sim-image-1", prompt=PROMPT, size=cast("Any", "96x64")
        )
        painted = b64decode((own.data or [])[0].b64_json or "")
        told = await say("what is this?", png("red", (64, 128)), painted)

        first, second, last = told.split("\n\n")
        assert "A tall PNG picture of 64 x 128 pixels" in first
        assert "red (100%)" in first
        assert "does not say that this simulator painted it" in first
        assert "says that this simulator painted it" in second
        assert "96 x 64" in second
        assert "simulator" in last
        prompts = (await say("Write four prompts for it.", painted)).splitlines()
        assert [line[:3] for line in prompts] == ["1. ", "2. ", "3. ", "4. "]
        assert len(set(prompts)) == 4
        with pytest.raises(BadRequestError):
            await say("and this?", b"nothing")

    with_simulation(scenario)
