"""What Cog servers do, ours and Cog's own, and what the provider makes of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import (
    GenqError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from tests.fixtures import cog_model
from tests.fixtures.cog_scenes import Heard, Scene, claim_of, provider_of
from tests.fixtures.cog_server import (
    cog_server,
    real_cog_server,
    until_health,
)
from worker.providers.provider import Provider


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
