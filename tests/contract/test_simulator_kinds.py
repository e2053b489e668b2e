"""Completions, edits and odds of the simulator, through the official SDK."""

import math
from io import BytesIO
from typing import Any, cast

import pytest
from openai import BadRequestError
from openai.types import Completion, ImagesResponse
from openai.types.chat import ChatCompletion

from tests.fixtures.model_server import png
from tests.fixtures.simulation import Simulation, with_simulation


def test_completions_are_the_same_for_the_same_prompts_and_stop_where_they_should() -> None:
    async def scenario(running: Simulation) -> None:
        async def go_on(**asked: Any) -> Completion:
            full: Any = {"model": "sim-chat-1", "prompt": "Red kites"} | asked
            return cast("Completion", await running.sdk.completions.create(**full))

        usual = await go_on()
        assert usual.choices[0].finish_reason == "length"
        assert usual.usage is not None
        assert usual.usage.completion_tokens == 16
        assert (await go_on()).choices == usual.choices
        assert (await go_on(seed=2)).choices != usual.choices
        whole = await go_on(max_tokens=1000)
        assert whole.choices[0].finish_reason == "stop"
        assert "kites" in whole.choices[0].text.lower()
        several = await go_on(prompt=["Red kites", "The sea"], n=2, echo=True)
        assert [c.index for c in several.choices] == [0, 1, 2, 3]
        assert several.choices[2].text.startswith("The sea")
        odds = (await go_on(logprobs=3, max_tokens=5)).choices[0]
        assert odds.logprobs is not None
        assert "".join(odds.logprobs.tokens or []) == odds.text
        assert {len(top) for top in odds.logprobs.top_logprobs or []} == {3}
        assert (odds.logprobs.text_offset or [])[:2] == [
            0,
            len((odds.logprobs.tokens or [])[0]),
        ]

    with_simulation(scenario)


def test_odds_are_plausible() -> None:
    async def scenario(running: Simulation) -> ChatCompletion:
        return await running.sdk.chat.completions.create(
            model="sim-chat-1",
            messages=[{"role": "user", "content": "kites?"}],
            logprobs=True,
            top_logprobs=4,
        )

    told = with_simulation(scenario).choices[0].logprobs
    assert told is not None
    for one in told.content or []:
        assert one.bytes == list(one.token.encode())
        shares = [math.exp(top.logprob) for top in one.top_logprobs]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) <= 1
        assert one.token in {top.token for top in one.top_logprobs}
        assert len({top.token for top in one.top_logprobs}) == 4


def test_edits_are_decided_by_what_is_edited_and_how() -> None:
    async def scenario(running: Simulation) -> None:
        async def edit(*pictures: bytes, **asked: Any) -> str:
            files: Any = [BytesIO(one) for one in pictures]
            full: Any = {"model": "sim-image-1", "prompt": "redder", "image": files} | asked
            answer = cast("ImagesResponse", await running.sdk.images.edit(**full))
            return str(answer.data[0].b64_json) if answer.data else ""

        kite, sea = png(size=(64, 80)), png("blue", (64, 80))
        made = {
            "first": await edit(kite),
            "again": await edit(kite),
            "words": await edit(kite, prompt="bluer"),
            "picture": await edit(sea),
            "both": await edit(kite, sea, mask=BytesIO(kite)),
        }
        assert made["first"] == made.pop("again")
        assert len(set(made.values())) == 4
        assert running.service.calls.seen["edits"] == 5
        refused: list[dict[str, Any]] = [
            {"image": []},
            {"image": BytesIO(b"none")},
            {"n": 11},
        ]
        for wrong in refused:
            with pytest.raises(BadRequestError):
                await edit(kite, **wrong)
        status, _ = await running.post("/v1/images/edits", {"prompt": "x"})
        assert status == 400

    with_simulation(scenario)
