"""What every provider asks of a model server, and what it makes of the answers."""

import asyncio

import pytest
from aiohttp import web

from schemas.errors import (
    InputError,
)
from schemas.generation import Usage
from tests.fixtures.claims import chat_claim, image_claim
from tests.fixtures.model_server import (
    API_KEY,
    ScriptedModelServer,
    answers,
    chat_answer,
    image_answer,
    png,
)
from tests.fixtures.provider_scenes import CONCURRENCY, play, reply_to
from worker.providers.provider import Provider

# --- what is asked -------------------------------------------------------------------------


def test_an_image_call_carries_its_parameters_key_and_job() -> None:
    async def scenario(server: ScriptedModelServer, provider: Provider) -> None:
        server.script = [answers(image_answer(png()))]
        stored = {"prompt": "a kite", "n": 1, "seed": 7, "extra_body": {"steps": 3}}
        await provider.generate(image_claim(input=stored, end_user="u-1", attempt=2))
        (call,) = server.calls
        assert call.path == "/v1/images/generations"
        assert call.body == {
            "model": "sim-image-1",
            "prompt": "a kite",
            "n": 1,
            "seed": 7,
            "steps": 3,
            "user": "u-1",
        }
        assert call.headers["Authorization"] == f"Bearer {API_KEY}"
        assert call.headers["Content-Type"] == "application/json"
        assert call.headers["x-genq-job"].startswith("job_")
        assert call.headers["Idempotency-Key"].startswith(call.headers["x-genq-job"] + "-2-")

    play(scenario)


def test_a_new_attempt_is_a_new_call_to_the_server() -> None:
    async def scenario(server: ScriptedModelServer, provider: Provider) -> None:
        server.script = [answers(chat_answer({"content": "a"})) for _ in range(2)]
        for attempt in (1, 2):
            await provider.generate(chat_claim(attempt=attempt))
        keys = {call.headers["Idempotency-Key"] for call in server.calls}
        assert len(keys) == 2
        assert {call.path for call in server.calls} == {"/v1/chat/completions"}

    play(scenario)


def test_the_shells_openai_variables_reach_no_model_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "somebodys-own")

    async def scenario(server: ScriptedModelServer, provider: Provider) -> None:
        server.script = [answers(chat_answer({"content": "a"}))]
        await provider.generate(chat_claim())
        assert "somebodys-own" not in repr(server.calls)

    play(scenario)


def test_a_proxy_of_the_shell_does_not_stand_before_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert reply_to(chat_claim(), answers(chat_answer({"content": "a"}))).text == "a"


def test_as_many_calls_run_at_once_as_the_server_takes() -> None:
    async def scenario(server: ScriptedModelServer, provider: Provider) -> None:
        server.script = [server.hang() for _ in range(CONCURRENCY)]
        calls = [
            asyncio.create_task(provider.generate(chat_claim())) for _ in range(CONCURRENCY)
        ]
        async with server.called:
            await server.called.wait_for(lambda: len(server.calls) == CONCURRENCY)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    play(scenario)


def test_parameters_that_cannot_be_sent_cost_no_call() -> None:
    async def scenario(server: ScriptedModelServer, provider: Provider) -> None:
        stored = {"prompt": "a kite", "extra_body": {"n": 1000}}
        with pytest.raises(InputError):
            await provider.generate(image_claim(input=stored))
        assert not server.calls

    play(scenario)


# --- what is answered ----------------------------------------------------------------------


def test_every_picture_arrives_in_order_with_its_dimensions() -> None:
    pictures = [png("red"), png("blue", (3, 5))]
    usage = {"input_tokens": 4, "output_tokens": 9}

    reply = reply_to(
        image_claim(input={"prompt": "x", "n": 2}),
        answers(image_answer(*pictures, usage=usage)),
    )

    assert [picture.data for picture in reply.pictures] == pictures
    assert [(p.width, p.height) for p in reply.pictures] == [(12, 8), (3, 5)]
    assert reply.usage == Usage(input_tokens=4, output_tokens=9, images=2)


def test_pictures_that_nobody_asked_for_are_left_out() -> None:
    reply = reply_to(image_claim(), answers(image_answer(png(), png("blue"))))

    assert [picture.data for picture in reply.pictures] == [png()]


def test_the_prompt_that_the_server_made_of_ours_is_kept() -> None:
    answer = image_answer(png())
    answer["data"][0]["revised_prompt"] = "a kite\x00, red"

    reply = reply_to(image_claim(), answers(answer))

    assert reply.details == {"revised_prompts": ["a kite\ufffd, red"]}


def test_words_arrive_with_their_costs() -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13}

    reply = reply_to(chat_claim(), answers(chat_answer({"content": "Ikarus"}, usage=usage)))

    assert reply.text == "Ikarus"
    assert reply.usage == Usage(input_tokens=4, output_tokens=9)
    assert reply.details == {"finish_reason": "stop"}


def test_tool_calls_are_kept() -> None:
    call = {"id": "t", "type": "function", "function": {"name": "wind", "arguments": "{}"}}
    message = {"content": None, "tool_calls": [call]}

    reply = reply_to(chat_claim(), answers(chat_answer(message, finish="tool_calls")))

    assert reply.text is None
    assert reply.details == {"finish_reason": "tool_calls", "message": {"tool_calls": [call]}}


def test_a_body_without_an_announced_length_is_read_too() -> None:
    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"choices": [{"message":')
        await response.write(b' {"content": "Ikarus"}}]}')
        return response

    assert reply_to(chat_claim(), chunked).text == "Ikarus"
