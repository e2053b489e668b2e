"""Chat of the simulator through the official SDK: whole, in pieces, in JSON."""

import asyncio
from typing import Any, cast

import orjson
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.fixtures.simulation import Simulation, with_simulation

QUESTION = "Tell me about red kites over the sea."
ASKED: Any = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": QUESTION}]


def say(**asked: Any) -> ChatCompletion:
    async def scenario(running: Simulation) -> ChatCompletion:
        full: Any = {"model": "sim-chat-1", "messages": ASKED} | asked
        return cast("ChatCompletion", await running.sdk.chat.completions.create(**full))

    return with_simulation(scenario)


def test_chat_answers_with_a_paragraph_about_the_question() -> None:
    answer = say(seed=3)
    choice = answer.choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.role == "assistant"
    assert "red kites" in (choice.message.content or "")
    assert answer.usage is not None
    assert answer.usage.total_tokens == (
        answer.usage.prompt_tokens + answer.usage.completion_tokens
    )
    assert answer.model == "sim-chat-1"
    assert say(seed=3).choices[0].message.content == choice.message.content
    assert say(seed=4).choices[0].message.content != choice.message.content


def test_chat_stops_at_its_limit_or_its_stop_word() -> None:
    short = say(max_tokens=5)
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 5
    whole = say().choices[0].message.content or ""
    assert whole.startswith(short.choices[0].message.content or "?")
    assert say(stop=["red"]).choices[0].message.content == whole.partition("red")[0]
    assert say(max_completion_tokens=10_000).choices[0].finish_reason == "stop"


def test_chat_reads_content_parts_and_gives_several_choices() -> None:
    parts = [
        {"type": "text", "text": QUESTION},
        {"type": "image_url", "image_url": {"url": "https://example.com/kite.png"}},
    ]
    answer = say(messages=[{"role": "user", "content": parts}], n=3)
    texts = [choice.message.content or "" for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert all("red kites" in text for text in texts)


def test_chat_answers_in_json_where_that_was_asked() -> None:
    free = say(response_format={"type": "json_object"})
    assert "red kites" in orjson.loads(free.choices[0].message.content or "")["topics"]
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "stars": {"type": "integer"}},
        "required": ["title", "stars"],
        "additionalProperties": False,
    }
    bound = say(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "review", "schema": schema, "strict": True},
        }
    )
    review = orjson.loads(bound.choices[0].message.content or "")
    assert isinstance(review["title"], str)
    assert isinstance(review["stars"], int)


def test_a_stream_is_the_same_text_in_pieces_and_ends_with_usage() -> None:
    async def scenario(running: Simulation) -> list[ChatCompletionChunk]:
        stream = await running.sdk.chat.completions.create(
            model="sim-chat-1",
            messages=ASKED,
            stream=True,
            stream_options={"include_usage": True},
        )
        return [chunk async for chunk in stream]

    chunks = with_simulation(scenario)
    whole = say()
    said = [chunk.choices[0] for chunk in chunks if chunk.choices]
    text = "".join(part.delta.content or "" for part in said)
    assert text == whole.choices[0].message.content
    assert len(said) > 10
    assert said[0].delta.role == "assistant"
    assert [part.finish_reason for part in said if part.finish_reason] == ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert {chunk.id for chunk in chunks} == {whole.id}


def test_a_stream_without_options_has_no_usage_and_follows_the_latency() -> None:
    async def scenario(running: Simulation) -> None:
        running.play(latency=0.3)
        loop = asyncio.get_running_loop()
        start = loop.time()
        stream = await running.sdk.chat.completions.create(
            model="sim-chat-1", messages=ASKED, stream=True
        )
        arrived = [(loop.time() - start, chunk) async for chunk in stream]
        assert all(chunk.usage is None for _, chunk in arrived)
        assert arrived[0][0] >= 0.05
        assert loop.time() - start >= 0.3
        assert arrived[-1][0] - arrived[0][0] > 0.1

    with_simulation(scenario)
