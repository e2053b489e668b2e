"""Responses that are streamed, and taken up again where the client was."""

import asyncio
from typing import Any

import pytest
from openai import BadRequestError

from infra.settings import Settings
from schemas.job_states import JobState
from tests.api.test_watch import worker_of
from tests.facade.asking import ASKED, CALL, USAGE, job_of, responses_of
from tests.facade.scene import Scene, play
from tests.facade.test_chat_stream import shows

ALL = [
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.completed",
]


async def words_until_a_delta(stream: Any) -> list[Any]:
    seen: list[Any] = []
    async for event in stream:
        seen.append(event)
        if event.type == "response.output_text.delta":
            break
    return seen


async def heard(here: Scene, response_id: str, **more: Any) -> list[Any]:
    stream = await responses_of(here).retrieve(response_id, stream=True, **more)
    return [event async for event in stream]


def text_of(events: list[Any]) -> str:
    return "".join(getattr(event, "delta", "") for event in events)


def kinds(events: list[Any]) -> list[str]:
    return [event.type for event in events if "delta" not in event.type]


@pytest.mark.parametrize("sync", [False, True])
def test_the_real_client_streams_a_response(settings: Settings, *, sync: bool) -> None:
    async def scenario(here: Scene) -> None:
        async def read() -> Any:
            async with responses_of(here).stream(**ASKED) as stream:
                events = [event async for event in stream]
                return events, await stream.get_final_response()

        def read_sync() -> Any:
            with here.sync.responses.stream(**ASKED) as stream:
                return list(stream), stream.get_final_response()

        reading = asyncio.create_task(asyncio.to_thread(read_sync) if sync else read())
        result = {
            "text": "word " * 100,
            "message": {"tool_calls": [CALL]},
            "usage": USAGE,
            "finish_reason": "stop",
        }
        await here.api.end(await here.job(), result=result)
        events, final = await reading

        assert final.output_text == "word " * 100
        assert final.output[1].name == "add"
        assert list(dict.fromkeys(event.type for event in events)) == ALL
        numbers = [event.sequence_number for event in events]
        assert numbers == sorted(set(numbers))
        deltas = [e for e in events if e.type == "response.output_text.delta"]
        assert "".join(delta.delta for delta in deltas) == "word " * 100
        assert deltas[-1].snapshot == "word " * 100

    play(settings, scenario)


def test_a_stream_of_a_blocked_response_ends_as_incomplete(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        stream = await responses_of(here).create(**ASKED, stream=True, background=True)
        await here.api.end(await here.job(), JobState.BLOCKED)
        last = [event async for event in stream][-1]
        assert last.type == "response.incomplete"
        assert last.response.background
        assert last.response.incomplete_details.reason == "content_filter"

    play(settings, scenario)


def test_whoever_comes_back_hears_exactly_what_is_missing(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        made = await responses_of(here).create(**ASKED, background=True)
        job = job_of(made.id)
        async with worker_of(here.api) as news:
            claim = await here.api.claim(job)
            stream = await responses_of(here).retrieve(made.id, stream=True)
            with news.running(claim):
                await shows(news, claim, "Once upon")
                seen = await words_until_a_delta(stream)
                await stream.close()
        assert text_of(seen) == "Once upon"
        await here.api.end(
            job, claim=claim, result={"text": "Once upon a time", "usage": USAGE}
        )
        whole = await heard(here, made.id)
        rest = await heard(here, made.id, starting_after=seen[-1].sequence_number)
        assert text_of(rest) == " a time"
        assert kinds([*seen, *rest]) == kinds(whole)
        for event in whole:
            cut = event.sequence_number
            missing = [e for e in whole if e.sequence_number > cut]
            assert await heard(here, made.id, starting_after=cut) == missing
        async with responses_of(here).stream(
            response_id=made.id, starting_after=seen[-1].sequence_number
        ) as again:
            assert (await again.get_final_response()).output_text == "Once upon a time"
        with pytest.raises(BadRequestError) as wrong:
            await heard(here, made.id, starting_after=-2)
        assert wrong.value.param == "starting_after"

    play(settings, scenario)


def test_an_attempt_that_says_something_else_ends_the_stream_honestly(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        made = await responses_of(here).create(**ASKED, background=True)
        job = job_of(made.id)
        async with worker_of(here.api) as news:
            claim = await here.api.claim(job)
            stream = await responses_of(here).retrieve(made.id, stream=True)
            with news.running(claim):
                await shows(news, claim, "Once upon")
                seen = await words_until_a_delta(stream)
            await here.api.end(job, claim=claim, text="Twice")
            seen += [event async for event in stream]
        assert seen[-1].type == "error"
        assert job in seen[-1].message

    play(settings, scenario)
