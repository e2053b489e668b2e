"""The simulator's Cog server, as the provider for Cog servers meets it."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from infra.new_ids import new_key
from infra.simulator.script import Fault, FaultKind
from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from schemas.generation import Kind
from tests.fixtures.claims import image_claim
from tests.fixtures.cog_scenes import MODEL, Heard, claim_of, provider_of
from tests.fixtures.cog_server import until_health
from tests.fixtures.model_server import PATIENCE, png
from tests.fixtures.simulation import SMALL, Simulation, with_simulation
from worker.providers.provider import Provider

Scene = Callable[[Simulation, Provider], Awaitable[None]]


def play(scene: Scene, **provider: Any) -> None:
    async def inside(running: Simulation) -> None:
        async with (
            asyncio.timeout(PATIENCE),
            provider_of(f"{running.url}/cog", **provider) as one,
        ):
            await scene(running, one)

    with_simulation(inside)


def edit_of(**given: Any) -> Claim:
    return image_claim(
        job_id=new_key(), model=MODEL, kind=Kind.IMAGE_EDIT, input={"prompt": "redder", **given}
    )


def test_it_paints_what_the_other_routes_paint() -> None:
    async def scene(running: Simulation, provider: Provider) -> None:
        reply = await provider.generate(claim_of("a kite", n=2, seed=7, size=SMALL))
        asked = {"prompt": "a kite", "n": 2, "seed": 7, "size": SMALL, "model": "sim-image-1"}
        _, same = await running.post("/v1/images/generations", asked)

        made = [b64encode(picture.data).decode() for picture in reply.pictures]
        assert made == [one["b64_json"] for one in same["data"]]
        assert running.service.calls.seen["images"] == 2

    play(scene)


def test_it_edits_the_picture_that_it_is_sent_and_keeps_what_the_mask_covers() -> None:
    mask = BytesIO()
    half = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    half.paste((0, 0, 0, 255), (0, 0, 32, 64))
    half.save(mask, "PNG")

    async def scene(running: Simulation, provider: Provider) -> None:
        sent = [f"data:image/png;base64,{b64encode(png('red', (64, 64))).decode()}"]
        told = f"data:image/png;base64,{b64encode(mask.getvalue()).decode()}"
        reply = await provider.generate(edit_of(images=sent, mask=told))

        made = Image.open(BytesIO(reply.pictures[0].data)).convert("RGB")
        assert set(made.crop((0, 0, 32, 64)).getcolors() or ()) == {(32 * 64, (255, 0, 0))}
        assert len(made.crop((32, 0, 64, 64)).getcolors(4096) or ()) > 1
        assert running.service.calls.seen["edits"] == 1

    play(scene, kind=Kind.IMAGE_EDIT)


def test_a_stream_tells_the_steps_and_shows_pictures_early() -> None:
    heard = Heard()

    async def scene(_: Simulation, provider: Provider) -> None:
        assert len((await provider.generate(claim_of("a kite", n=2, size=SMALL))).pictures) == 2

    play(scene, news=heard)

    steps = [told["step"] for told in heard.told if "step" in told]
    assert steps == list(range(1, 9))
    assert sum("preview" in told for told in heard.told) == 2


FAULTS: dict[FaultKind, type[GenqError]] = {
    FaultKind.RATE_LIMIT: ModelRateLimitedError,
    FaultKind.SERVER_ERROR: ModelUnavailableError,
    FaultKind.REJECT: ModelError,
    FaultKind.REFUSE_CONTENT: ModelRefusedError,
    FaultKind.CUT: GenqError,
    FaultKind.MALFORMED: GenqError,
    FaultKind.UNAUTHORIZED: GenqError,
}


@pytest.mark.parametrize("news", [None, Heard()])
def test_faults_of_the_script_are_played(news: Heard | None) -> None:
    async def scene(running: Simulation, provider: Provider) -> None:
        for kind, wanted in FAULTS.items():
            running.play(Fault(kind=kind))
            with pytest.raises(wanted):
                await provider.generate(claim_of("a kite", size=SMALL))
        assert (await provider.generate(claim_of("a kite", size=SMALL))).pictures
        assert sum(running.service.calls.faults.values()) == len(FAULTS)

    play(scene, news=news)


def test_one_place_is_one_place_and_who_leaves_frees_it() -> None:
    async def scene(running: Simulation, provider: Provider) -> None:
        running.play(latency=PATIENCE)
        first = asyncio.create_task(provider.generate(claim_of("slow", size=SMALL)))
        await until_health(f"{running.url}/cog", "BUSY")
        with pytest.raises(ModelRateLimitedError):
            await provider.generate(claim_of("a kite", size=SMALL))
        first.cancel()
        await until_health(f"{running.url}/cog", "READY")
        running.play()
        assert (await provider.generate(claim_of("a kite", size=SMALL))).pictures

    play(scene)


def test_wrong_inputs_are_named_and_it_says_what_it_is() -> None:
    async def scene(running: Simulation, provider: Provider) -> None:
        with pytest.raises(ModelError, match="parameter num_outputs"):
            await provider.generate(claim_of("a kite", n=9, size=SMALL))
        status, document = await running.get("/cog/openapi.json")
        assert status == 200
        assert "num_outputs" in document["components"]["schemas"]["Input"]["properties"]
        assert "simulator" in (await running.get("/cog/"))[1]
        assert (await running.post("/cog/predictions/none/cancel", {}))[0] == 404
        body = {"input": {"prompt": "a kite", "width": 64, "height": 64}}
        later = {"Prefer": "respond-async"}
        assert (await running.post("/cog/predictions", body, headers=later))[0] == 400
        status, ended = await running.post("/cog/predictions", body)
        assert (status, ended["status"], ended["input"]["simulator"]) == (
            200,
            "succeeded",
            True,
        )

    play(scene)
