"""The model that genq runs itself, seeds, and canvases."""

import asyncio
import base64
from dataclasses import replace
from io import BytesIO
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image

from infra.pictures.canvas import laid_out
from infra.pictures.depth import eight_bits
from infra.pictures.grid import Sheet, lay_out
from schemas.canvas import Canvas
from schemas.claim import Claim
from schemas.errors import InputError
from schemas.generation import Kind
from schemas.image_edit_input import ImageEditInput
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.picture_skills import PictureSkills
from schemas.policy_limits import Limits
from tests.fixtures.claims import image_claim
from tests.fixtures.pictures import encoded, scene
from worker.pipeline.outpainting import Outpainter
from worker.providers.cog_answers import seed_in
from worker.providers.own_pictures import OwnPictures
from worker.providers.preview import preview_of
from worker.providers.provider import Reply
from worker.providers.seeds import chosen_seed, keeping_seeds, told_seed


def url(image: Image.Image, kind: str = "PNG") -> str:
    data = base64.b64encode(encoded(image, kind)).decode()
    return f"data:image/{kind.lower()};base64,{data}"


def read(data: str | bytes) -> Image.Image:
    given = base64.b64decode(data.partition(",")[2]) if isinstance(data, str) else data
    return Image.open(BytesIO(given))


def enlarge(**given: Any) -> Reply:
    claim = replace(image_claim(), kind=Kind.IMAGE_EDIT, input={"prompt": "p", **given})
    return asyncio.run(OwnPictures().generate(claim))


@pytest.mark.parametrize(
    ("image", "kind", "size", "mode"),
    [
        (scene(1, 40), "PNG", "80x80", "RGB"),
        (scene(1, 40).convert("RGBA"), "PNG", "160x160", "RGBA"),
        (scene(1, 40).convert("P"), "PNG", "80x80", "RGB"),
        (scene(1, 40), "JPEG", "80x80", "RGB"),
        (scene(1, 40), "WEBP", "80x80", "RGB"),
    ],
)
def test_a_picture_is_enlarged_in_its_own_format(
    image: Image.Image, kind: str, size: str, mode: str
) -> None:
    reply = enlarge(images=[url(image, kind)], size=size)
    (picture,) = reply.pictures
    made = read(picture.data)
    assert f"{made.width}x{made.height}" == f"{picture.width}x{picture.height}" == size
    assert (made.format, made.mode) == (kind, mode)
    assert reply.details == {"upscaled_by": "lanczos"}


def test_grey_of_16_bits_stays_grey_wherever_it_is_drawn_anew() -> None:
    slope = np.linspace(0, 65_535, 64, dtype=np.uint16)
    deep = Image.fromarray(np.tile(slope, (64, 1)))
    expected = np.round(np.tile(slope, (64, 1)) / 257)
    data = encoded(deep)
    assert read(data).mode.startswith("I;16")
    (picture,) = enlarge(images=[url(deep)], size="64x64").pictures
    sheet = Sheet(lay_out([(64, 64)] * 2), labels=False)
    sheet.put(0, data, Limits())
    canvas = Canvas(width=80, height=64, x=0, y=0, picture_width=64, picture_height=64)
    whole, _ = laid_out(data, canvas)
    preview = asyncio.run(preview_of(data, server="s"))
    assert preview is not None
    for made in (picture.data, sheet.file("png"), whole, preview):
        drawn = np.asarray(read(made).convert("RGB").crop((0, 0, 64, 64)), dtype=np.float64)
        # A preview is a JPEG file.
        most = 8 if made == preview else 1
        assert np.abs(drawn - expected[..., None]).max() <= most

    keyed = read(encoded(deep, transparency=65_535))
    clear = eight_bits(keyed).convert("RGBA").getchannel("A")
    assert (clear.getpixel((63, 0)), clear.getpixel((0, 0))) == (0, 255)


@pytest.mark.parametrize(
    "given",
    [
        {"size": "10x10"},
        {"size": "9999x9999"},
        {"n": 2},
        {"mask": "data:image/png;base64,AAAA"},
        {"images": ["data:image/png;base64,AAAA"]},
        {"images": [url(scene(1, 40))[:200]]},
        {"images": ["job_01kb0q5v3mf0t8w2c7d4e9g6hj/0"]},
    ],
)
def test_what_it_cannot_enlarge_is_refused_with_its_place(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="/input/") as refused:
        enlarge(**{"images": [url(scene(1, 40))], **given})
    assert refused.value.fields[0].pointer.startswith("/input/")


def test_a_canvas_keeps_the_picture_under_an_opaque_mask() -> None:
    image = scene(2, 64)
    canvas = {
        "width": 96, "height": 64, "x": 32, "y": 0, "picture_width": 64, "picture_height": 64,
    }  # fmt: skip
    checked = ImageEditInput.model_validate(
        {"prompt": "p", "images": [url(image)], "canvas": canvas}
    )
    given = checked.model_dump(mode="json", exclude_unset=True)
    made = asyncio.run(Outpainter().laid_out(given))
    assert "canvas" not in made
    whole, mask = read(made["images"][0]), read(made["mask"])
    assert whole.size == mask.size == (96, 64)
    assert whole.crop((32, 0, 96, 64)).tobytes() == image.tobytes()
    opaque = mask.getchannel("A")
    assert opaque.crop((32, 0, 96, 64)).getextrema() == (255, 255)
    assert opaque.crop((0, 0, 32, 64)).getextrema() == (0, 0)
    for wrong in ({"x": 33}, {"width": 9999, "height": 9999}, {"width": 64, "x": 0}):
        with pytest.raises(ValueError, match=r"canvas|pixels|picture"):
            ImageEditInput.model_validate(
                {"prompt": "p", "images": [url(image)], "canvas": {**canvas, **wrong}}
            )
    broken = {**given, "images": ["data:image/png;base64,AAAA"]}
    with pytest.raises(InputError, match="damaged"):
        asyncio.run(Outpainter().laid_out(broken))


@pytest.mark.parametrize(
    ("log", "seed"),
    [
        ("loading\nUsing seed: 1234\n 50%|##  | 1/2", 1234),
        ("seed=7", 7),
        ("Seed 9\n", 9),
        ("a prompt with seed: 5 in it", None),
        ("seed: " + "9" * 30, None),
        ("", None),
    ],
)
def test_the_seed_that_a_model_wrote_into_its_log_is_read(log: str, seed: int | None) -> None:
    assert seed_in(log) == seed


class Echo:
    """Tells which seed it was given."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def generate(self, claim: Claim) -> Reply:
        self.asked.append(claim.input.get("seed"))
        return Reply(details={"seed": 99})


def test_a_seed_is_chosen_only_where_the_model_takes_one_and_always_kept() -> None:
    async def asked(*, seeds: bool, **given: Any) -> tuple[Any, Any]:
        spec = ModelSpec(name="test-image", kind=Kind.IMAGE, skills=PictureSkills(seeds=seeds))
        server = ModelServer(name="s", base_url="http://s", models=(spec,))
        echo = Echo()
        claim = replace(image_claim(), model="test-image", input={"prompt": "p", **given})
        reply = await keeping_seeds(server, echo).generate(claim)
        return echo.asked[0], reply.details["seed"]

    chosen = chosen_seed(image_claim().job_id)
    assert asyncio.run(asked(seeds=True)) == (chosen, chosen)
    assert asyncio.run(asked(seeds=False)) == (None, 99)
    assert asyncio.run(asked(seeds=False, seed=5)) == (5, 5)
    assert asyncio.run(asked(seeds=True, seed=5)) == (5, 5)
    assert chosen_seed(UUID(int=1)) != chosen_seed(UUID(int=2)) < 2**31
    assert told_seed({"seed": None}, {"seed": True}, 3, {"seed": 4}) == 4
    assert told_seed({"seed": "4"}, None) is None
