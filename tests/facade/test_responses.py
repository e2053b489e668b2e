"""Responses with OpenAI's own client: in the background, held, cancelled, deleted."""

import asyncio
from typing import Any

import pytest
from openai import BadRequestError, InternalServerError, NotFoundError, UnprocessableEntityError

from infra.settings import Settings
from schemas.errors import ModelTimeoutError
from schemas.job_states import JobState
from tests.facade.asking import ADD, ASKED, CALL, SHAPE, USAGE, input_of, job_of, responses_of
from tests.facade.scene import Scene, play
from tests.facade.test_chat_stream import FAILED

EVERYTHING: dict[str, Any] = {
    **ASKED,
    "background": True,
    "instructions": "be kind",
    "metadata": {"order": "1"},
    "safety_identifier": "person-1",
    "service_tier": "priority",
    "temperature": 0.5,
    "max_output_tokens": 50,
    "reasoning": {"effort": "low"},
    "text": {"format": SHAPE},
    "tools": [ADD],
    "tool_choice": {"type": "function", "name": "add"},
    "extra_body": {"genq": {"priority": 2}},
}
AS_A_CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
    ],
    "temperature": 0.5,
    "max_completion_tokens": 50,
    "reasoning_effort": "low",
    "response_format": {
        "type": "json_schema",
        "json_schema": {k: v for k, v in SHAPE.items() if k != "type"},
    },
    "tools": [{"type": "function", "function": {k: v for k, v in ADD.items() if k != "type"}}],
    "tool_choice": {"type": "function", "function": {"name": "add"}},
}
ITEMS: list[Any] = [
    {"role": "developer", "content": "short"},
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "what is it?"},
            {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
        ],
    },
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "2"},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "two"}],
    },
]
MESSAGES: list[Any] = [
    {"role": "developer", "content": "short"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what is it?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        ],
    },
    {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "add", "arguments": "{}"},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "2"},
    {"role": "assistant", "content": "two"},
]


def assert_told_as_asked(shown: dict[str, Any], job: str) -> None:
    assert shown["instructions"] == "be kind"
    assert shown["metadata"] == {"order": "1"}
    assert shown["safety_identifier"] == "person-1"
    assert shown["service_tier"] == "priority"
    assert shown["text"]["format"] | SHAPE == shown["text"]["format"]
    assert shown["tools"][0] | ADD == shown["tools"][0]
    assert shown["tool_choice"] == {"type": "function", "name": "add"}
    assert (shown["reasoning"]["effort"], shown["max_output_tokens"]) == ("low", 50)
    assert shown["genq"]["job_id"] == job
    assert (shown["genq"]["lane"], shown["genq"]["priority"]) == ("turbo", 2)


def test_a_background_response_is_answered_at_once_and_fetched_later(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        create = responses_of(here).create
        asked = await create(**EVERYTHING)
        assert (asked.status, asked.output, asked.output_text) == ("queued", [], "")
        assert (asked.background, asked.error, asked.usage) == (True, None, None)
        job = job_of(asked.id)
        assert await input_of(here, job) == AS_A_CHAT
        claim = await here.api.claim(job)
        assert (await responses_of(here).retrieve(asked.id)).status == "in_progress"
        result = {"text": "{}", "message": {"tool_calls": [CALL]}, "usage": USAGE}
        await here.api.end(job, claim=claim, result=result)
        told = await responses_of(here).retrieve(asked.id)

        assert (told.status, told.output_text) == ("completed", "{}")
        assert [item.type for item in told.output] == ["message", "function_call"]
        call: Any = told.output[1]
        assert (call.call_id, call.name, call.arguments) == ("c1", "add", '{"a":1}')
        assert told.usage is not None
        assert (told.usage.total_tokens, told.usage.input_tokens_details.cached_tokens) == (
            5,
            1,
        )
        for response in (asked, told):
            assert_told_as_asked(response.to_dict(), job)

    play(settings, scenario)


def test_the_same_call_twice_is_one_response(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        create = responses_of(here).create
        keyed = [
            await create(**ASKED, background=True, extra_headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]
        assert keyed[0].id == keyed[1].id
        with pytest.raises(UnprocessableEntityError):
            await create(
                model="test-chat",
                input="else",
                background=True,
                extra_headers={"Idempotency-Key": "k"},
            )
        # A retry by the client, whose first answer was lost, is no second response.
        again = {"x-stainless-retry-count": "1"}
        first = await create(**ASKED, background=True)
        assert (await create(**ASKED, background=True, extra_headers=again)).id == first.id

    play(settings, scenario)


def test_a_response_that_is_waited_for_ends_as_its_job_does(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        create = responses_of(here).create
        asked = asyncio.create_task(create(model="test-chat", input=ITEMS))
        job = await here.job()
        assert (await input_of(here, job))["messages"] == MESSAGES
        result = {"text": "cut of", "finish_reason": "length", "usage": USAGE}
        await here.api.end(job, result=result)
        told = await asked
        assert (told.status, told.output_text, told.background) == (
            "incomplete",
            "cut of",
            False,
        )
        assert told.incomplete_details is not None
        assert told.incomplete_details.reason == "max_output_tokens"

    play(settings, scenario)


def test_a_call_that_waits_is_refused_as_its_job_was(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        create = responses_of(here).create
        waits = asyncio.create_task(create(**ASKED))
        await here.api.end(await here.job(), JobState.BLOCKED)
        with pytest.raises(BadRequestError) as blocked:
            await waits
        assert blocked.value.code == "content_policy_violation"
        waits = asyncio.create_task(create(**ASKED))
        await here.api.end(await here.job(), JobState.DEAD, error=FAILED)
        with pytest.raises(InternalServerError):
            await waits

    play(settings, scenario)


def test_pictures_come_of_a_model_of_pictures_and_of_the_tool(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        wanted: list[dict[str, Any]] = [
            {"model": "test-image"},
            {"model": "gpt-x", "tools": [{"type": "image_generation", "size": "64x64"}]},
        ]
        for asked in wanted:
            made = await responses_of(here).create(
                **asked,
                input="a red kite",
                background=True,
            )
            job = job_of(made.id)
            told = await input_of(here, job)
            assert told["prompt"] == "a red kite"
            assert ("size" in told) == ("tools" in asked)
            await here.api.end(job, pictures=[b"png"])
            response = await responses_of(here).retrieve(made.id)
            assert response.status == "completed"
            [picture] = response.model_dump()["output"]
            assert (picture["type"], picture["result"]) == ("image_generation_call", "cG5n")
            assert [tool.type for tool in response.tools] == [
                tool["type"] for tool in asked.get("tools", [])
            ]
            stream = await responses_of(here).retrieve(made.id, stream=True)
            types = [event.type async for event in stream]
            assert "response.image_generation_call.completed" in types

    play(settings, scenario)


def test_cancel_is_idempotent_and_delete_erases(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        responses = responses_of(here)
        made = await responses.create(**ASKED, background=True)
        for _ in range(2):
            assert (await responses.cancel(made.id)).status == "cancelled"
        events = [event async for event in await responses.retrieve(made.id, stream=True)]
        assert [event.type for event in events] == [
            "response.created",
            "response.queued",
            "response.failed",
        ]
        assert events[-1].response.status == "cancelled"

        done = await responses.create(**ASKED, background=True)
        await here.api.end(job_of(done.id), text="hi")
        assert (await responses.cancel(done.id)).output_text == "hi"
        waits = await responses.create(**ASKED, background=True)
        for response_id in (made.id, done.id, waits.id):
            assert await responses.delete(response_id) is None
            for call in (responses.retrieve, responses.delete, responses.cancel):
                with pytest.raises(NotFoundError):
                    await call(response_id)
            job = (await here.api.http.get(f"/v1/jobs/{job_of(response_id)}")).json()
            assert (job["content"], job["input"]) == ("erased", {})
        native = await here.api.submit()
        for unknown in (native["id"].replace("job_", "resp_"), "resp_1", made.id + "x"):
            with pytest.raises(NotFoundError) as missing:
                await responses.retrieve(unknown)
            assert missing.value.code == "not_found"

    play(settings, scenario)


def test_a_failed_response_says_why(settings: Settings) -> None:
    late = ModelTimeoutError("too slow").record("err_1")
    busy = {**late, "code": "model_rate_limited"}

    async def scenario(here: Scene) -> None:
        for error, code in ((late, "server_error"), (busy, "rate_limit_exceeded")):
            made = await responses_of(here).create(**ASKED, background=True)
            await here.api.end(job_of(made.id), JobState.DEAD, error=error)  # pyright: ignore[reportArgumentType] - is one
            told = await responses_of(here).retrieve(made.id)
            assert (told.status, told.output) == ("failed", [])
            assert told.error is not None
            assert (told.error.code, told.error.message) == (code, "too slow")

    play(settings, scenario)
