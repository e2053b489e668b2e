"""Embeddings, completions, edits and many choices: genq's provider against the simulator."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, cast

import pytest

from infra.simulator.script import Fault, FaultKind
from schemas.claim import Claim
from schemas.embedding_vectors import floats_of, packed_floats
from schemas.errors import GenqError, ModelBadAnswerError, ModelError, ModelRefusedError
from schemas.generation import Kind
from tests.fixtures.claims import chat_claim, image_claim
from tests.fixtures.model_server import answers, png
from tests.fixtures.provider_scenes import failure_of, provider_of, reply_to
from tests.fixtures.simulation import Simulation, simulation
from worker.providers.provider import Provider, Reply

PNG: Final = "data:image/png;base64," + base64.b64encode(png()).decode()
OTHER: Final = "data:image/png;base64," + base64.b64encode(png("blue", (70, 90))).decode()
# As large as the picture that it is for: servers refuse others.
MASK: Final = "data:image/png;base64," + base64.b64encode(png("black", (70, 90))).decode()


def claim_of(kind: Kind, model: str, **given: Any) -> Claim:
    return replace(image_claim(), kind=kind, model=model, input=given)


def embedding(**given: Any) -> Claim:
    return claim_of(Kind.EMBEDDING, "sim-embedding-1", **({"input": "a kite"} | given))


def completion(**given: Any) -> Claim:
    return claim_of(Kind.COMPLETION, "sim-chat-1", **({"prompt": "A kite is"} | given))


def edit(**given: Any) -> Claim:
    given = {"prompt": "make it red", "images": [PNG]} | given
    return claim_of(Kind.IMAGE_EDIT, "sim-image-1", **given)


def chat(**given: Any) -> Claim:
    asked = chat_claim()
    return replace(asked, input={**asked.input, **given})


def play(scenario: Callable[[Simulation, Provider], Awaitable[None]]) -> None:
    async def scene() -> None:
        async with simulation() as running, provider_of(running.url + "/v1") as provider:
            await asyncio.wait_for(scenario(running, provider), 20)

    asyncio.run(scene())


def choices_of(reply: Reply) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", reply.details["choices"])


def test_vectors_come_in_the_order_of_their_inputs_and_as_the_server_made_them() -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        texts = ["a red kite", "a blue sea"]
        reply = await provider.generate(embedding(input=texts, dimensions=64))
        plain = await running.sdk.embeddings.create(
            model="sim-embedding-1", input=texts, dimensions=64, encoding_format="float"
        )
        packed = cast("list[str]", reply.details["embeddings"])
        assert [floats_of(one) for one in packed] == [one.embedding for one in plain.data]
        assert (reply.details["dimensions"], reply.text, reply.pictures) == (64, None, ())
        assert reply.usage.input_tokens == plain.usage.prompt_tokens
        one = await provider.generate(embedding(input=[7, 8, 9]))
        several = await provider.generate(embedding(input=[[7, 8], [9]]))
        assert [len(cast("list[str]", r.details["embeddings"])) for r in (one, several)] == [
            1,
            2,
        ]

    play(scenario)


def test_completions_give_every_text_of_every_prompt_in_order() -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        del running
        one = await provider.generate(completion(max_tokens=4, logprobs=2))
        assert one.text
        assert one.details["finish_reason"] == "length"
        assert len(cast("dict[str, list[Any]]", one.details["logprobs"])["tokens"]) == 4
        assert "choices" not in one.details
        many = await provider.generate(
            completion(prompt=["A kite is", "The sea is"], n=2, echo=True)
        )
        texts = [choice["text"] for choice in choices_of(many)]
        assert [text[:8] for text in texts] == ["A kite i"] * 2 + ["The sea "] * 2
        assert many.text == texts[0]
        assert many.usage.output_tokens == 4 * 16

    play(scenario)


def test_chats_keep_every_choice_and_the_odds_of_every_word() -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        del running
        reply = await provider.generate(chat(n=3, logprobs=True, top_logprobs=2))
        choices = choices_of(reply)
        assert len({choice["text"] for choice in choices}) == 3
        assert reply.text == choices[0]["text"]
        for choice in choices:
            told = choice["logprobs"]["content"]
            assert "".join(one["token"] for one in told) == choice["text"]
            assert all(len(one["top_logprobs"]) == 2 for one in told)
        alone = await provider.generate(chat())
        assert {"choices", "logprobs"}.isdisjoint(alone.details)

    play(scenario)


def test_edits_send_their_pictures_in_a_form() -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        del running
        first = await provider.generate(edit(seed=7, output_format="png"))
        assert (first.pictures[0].width, first.pictures[0].height) == (64, 64)
        again = await provider.generate(edit(seed=7, output_format="png"))
        other = await provider.generate(edit(seed=7, images=[OTHER, PNG], mask=MASK, n=2))
        assert again.pictures[0].data == first.pictures[0].data
        assert other.pictures[0].data != first.pictures[0].data
        assert [(one.width, one.height) for one in other.pictures] == [(70, 90)] * 2
        assert other.usage.images == 2

    play(scenario)


@pytest.mark.parametrize("make", [embedding, completion, edit], ids=lambda make: make.__name__)
def test_failures_of_every_kind_mean_what_they_mean_for_pictures(
    make: Callable[[], Claim],
) -> None:
    async def scenario(running: Simulation, provider: Provider) -> None:
        for kind, error in (
            (FaultKind.SERVER_ERROR, "model_unavailable"),
            (FaultKind.MALFORMED, "model_bad_answer"),
            (FaultKind.REFUSE_CONTENT, "model_refused_content"),
            (FaultKind.RATE_LIMIT, "model_rate_limited"),
        ):
            running.play(Fault(kind=kind))
            with pytest.raises(GenqError) as failure:
                await provider.generate(make())
            assert failure.value.code == error

    play(scenario)


def vectors(*given: Any) -> dict[str, Any]:
    return {"data": [{"index": n, "embedding": one} for n, one in enumerate(given)]}


def test_servers_that_know_only_digits_are_understood() -> None:
    shuffled = vectors([0.5, -1.0], [1.0, 0.25])
    shuffled["data"].reverse()
    reply = reply_to(embedding(input=["a", "b"]), answers(shuffled))
    packed = cast("list[str]", reply.details["embeddings"])
    assert [floats_of(one) for one in packed] == [[0.5, -1.0], [1.0, 0.25]]


@pytest.mark.parametrize(
    ("given", "asked", "error"),
    [
        (vectors(), {}, ModelBadAnswerError),
        (vectors([1.0], [2.0]), {}, ModelBadAnswerError),
        (vectors([]), {}, ModelBadAnswerError),
        (vectors([1.0], [1.0, 2.0]), {"input": ["a", "b"]}, ModelBadAnswerError),
        (vectors("no base64!!!"), {}, ModelBadAnswerError),
        (vectors("AAAAwH8="), {}, ModelBadAnswerError),
        (vectors(packed_floats([float("nan")])), {}, ModelBadAnswerError),
        (vectors([1e60]), {}, ModelBadAnswerError),
        (vectors([1.0, 2.0]), {"dimensions": 256}, ModelError),
        (vectors(*["A" * 12_000_000] * 4), {"input": ["a"] * 4}, ModelError),
    ],
    ids=[
        "none", "too many", "empty", "uneven", "no base64", "cut", "not a number", "too large",
        "other dimensions", "too much",
    ],
)  # fmt: skip
def test_vectors_that_cannot_be_right_are_not_kept(
    given: Any, asked: dict[str, Any], error: type[GenqError]
) -> None:
    assert type(failure_of(embedding(**asked), answers(given))) is error


def test_a_text_that_is_missing_or_withheld_is_no_answer() -> None:
    def told(*reasons: str) -> Any:
        choices = [
            {"index": n, "text": "so", "finish_reason": reason}
            for n, reason in enumerate(reasons)
        ]
        return answers({"choices": choices})

    two = completion(prompt=["a", "b"])
    assert isinstance(failure_of(two, told("stop")), ModelBadAnswerError)
    assert isinstance(failure_of(completion(), told()), ModelBadAnswerError)
    assert isinstance(failure_of(completion(), told("content_filter")), ModelRefusedError)
    partly = reply_to(completion(n=2), told("stop", "content_filter"))
    assert [one["finish_reason"] for one in choices_of(partly)] == ["stop", "content_filter"]


def test_what_a_server_had_at_hand_and_what_it_thought_is_counted() -> None:
    usage = {
        "prompt_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens": 5,
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    told = {"choices": [{"text": "so", "finish_reason": "stop"}], "usage": usage}
    assert reply_to(completion(), answers(told)).usage.model_dump(exclude_none=True) == {
        "input_tokens": 9,
        "output_tokens": 5,
        "cached_tokens": 8,
        "reasoning_tokens": 3,
    }
