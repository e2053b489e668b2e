"""Chats that stream: comments while they wait, text as it may be shown, and an honest end."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import orjson
import pytest
from openai import APIError, APIStatusError, BadRequestError

from infra.settings import Settings
from schemas.claim import Claim
from schemas.errors import ModelTimeoutError
from schemas.job_states import JobState
from tests.api.test_watch import put_off, worker_of
from tests.facade.scene import CHAT, Scene, play
from tests.fixtures.until import until
from worker.progress import LiveNews

USAGE = {"input_tokens": 3, "output_tokens": 2}
FAILED = ModelTimeoutError("too slow").record("err_1")


class Raw:
    """A stream as it comes over the wire."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.comments: list[str] = []
        self.text = ""
        self.last: dict[str, Any] = {}
        self.done = False
        self._lines = response.aiter_lines()

    async def until(self, wanted: str) -> None:
        """Read on until a comment, or the text so far, has this in it."""
        async with asyncio.timeout(10):
            while wanted not in self.text and wanted not in "\n".join(self.comments):
                assert await self._next(), (wanted, self.text, self.comments, self.last)

    async def rest(self) -> None:
        """Read to the end."""
        async with asyncio.timeout(10):
            while await self._next():
                pass

    async def _next(self) -> bool:
        line = await anext(self._lines, None)
        if line is None:
            return False
        if line.startswith(":"):
            self.comments.append(line)
        elif line == "data: [DONE]":
            self.done = True
        elif line:
            assert line.startswith("data: ")
            self.last = orjson.loads(line.removeprefix("data: "))
            for choice in self.last.get("choices", ()):
                self.text += choice["delta"].get("content") or ""
        return True


def raw(here: Scene, stack: AsyncExitStack, **more: Any) -> "asyncio.Task[Raw]":
    async def opened() -> Raw:
        call = here.api.http.stream(
            "POST", "/v1/chat/completions", json={**CHAT, "stream": True, **more}
        )
        return Raw(await stack.enter_async_context(call))

    return asyncio.create_task(opened())


async def shows(news: LiveNews, claim: Claim, text: str) -> None:
    await until(lambda: news.is_read(claim), "somebody wants the words")
    news.progressed(claim, characters=len(text), text=text)


def test_a_stream_tells_the_place_in_the_queue_then_the_text_and_what_it_cost(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        async with worker_of(here.api) as news, AsyncExitStack() as stack:
            asked = raw(here, stack, stream_options={"include_usage": True})
            job = await here.job()
            stream = await asked
            await stream.until(": queued position=1")
            claim = await here.api.claim(job)
            with news.running(claim):
                await stream.until(": running attempt=1")
                await shows(news, claim, "Once upon")
                await stream.until("Once upon")
                await shows(news, claim, "Once upon a time")
                await stream.until("Once upon a time")
            result = {"text": "Once upon a time.", "usage": USAGE, "finish_reason": "stop"}
            await here.api.end(job, claim=claim, result=result)
            await stream.rest()

        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["x-genq-job-id"] == job
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert stream.text == "Once upon a time."
        assert stream.last["usage"]["total_tokens"] == 5
        assert stream.last["choices"] == []
        assert stream.done

    play(settings, scenario)


@pytest.mark.parametrize("sync", [False, True])
def test_the_real_client_reads_what_a_whole_answer_would_have_told(
    settings: Settings, *, sync: bool
) -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
    ]
    result = {
        "text": "word " * 200,
        "message": {"tool_calls": calls, "reasoning_content": "hm"},
        "finish_reason": "tool_calls",
        "usage": USAGE,
    }

    async def scenario(here: Scene) -> None:
        options: dict[str, Any] = {**CHAT, "stream_options": {"include_usage": True}}

        async def read() -> Any:
            async with here.client.chat.completions.stream(**options) as stream:
                return await stream.get_final_completion()

        def read_sync() -> Any:
            with here.sync.chat.completions.stream(**options) as stream:
                return stream.get_final_completion()

        asked = asyncio.create_task(asyncio.to_thread(read_sync) if sync else read())
        await here.api.end(await here.job(), result=result)
        told = await asked

        [choice] = told.choices
        assert choice.message.content == "word " * 200
        assert choice.message.reasoning_content == "hm"
        assert choice.message.tool_calls[0].function.name == "add"
        assert choice.message.tool_calls[0].function.arguments == '{"a":1}'
        assert choice.finish_reason == "tool_calls"
        assert told.usage.prompt_tokens == 3

    play(settings, scenario)


def test_a_streaming_response_has_its_headers_and_chunks(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        call = here.client.chat.completions.with_streaming_response.create(**CHAT, stream=True)
        async with call as response:
            await here.api.end(await here.job(), text="again")
            chunks = [chunk async for chunk in await response.parse()]
        assert response.headers["x-genq-job-id"]
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == "again"
        assert [c.choices[0].finish_reason for c in chunks][-1] == "stop"
        assert all(c.usage is None for c in chunks)

        stream = await here.client.completions.create(
            model="test-completion", prompt="Once", stream=True
        )
        await here.api.end(await here.job(), text=" upon")
        texts = [chunk async for chunk in stream]
        assert "".join(c.choices[0].text for c in texts) == " upon"
        assert texts[0].object == "text_completion"
        assert texts[-1].choices[0].finish_reason == "stop"

    play(settings, scenario)


def test_what_is_refused_at_once_has_its_real_status(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        create: Any = here.client.chat.completions.create
        with pytest.raises(APIStatusError) as unknown:
            await create(**{**CHAT, "model": "nobody"}, stream=True)
        assert (unknown.value.status_code, unknown.value.code) == (404, "model_not_found")
        with pytest.raises(BadRequestError) as wrong:
            await create(**CHAT, stream=True, stream_options={"include_usage": "yes"})
        assert wrong.value.param == "stream_options.include_usage"

        asked = asyncio.create_task(create(**CHAT, stream=True))
        await here.api.end(await here.job(), JobState.BLOCKED)
        with pytest.raises(BadRequestError) as blocked:
            await asked
        assert blocked.value.code == "content_policy_violation"

        asked = asyncio.create_task(create(**CHAT, stream=True))
        await here.api.end(await here.job(), JobState.DEAD, error=FAILED)
        with pytest.raises(APIStatusError) as failed:
            await asked
        assert (failed.value.status_code, failed.value.code) == (504, "model_timeout")
        # Not repeated by the client: each would have been paid for.
        assert len(await here.jobs()) == 2

    play(settings, scenario)


def test_what_fails_later_is_told_by_the_last_event(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        for state, error, code in (
            (JobState.BLOCKED, None, "content_policy_violation"),
            (JobState.DEAD, FAILED, "model_timeout"),
        ):
            stream = await here.client.chat.completions.create(**CHAT, stream=True)
            await here.api.end(await here.job(), state, error=error)
            with pytest.raises(APIError) as caught:
                _ = [chunk async for chunk in stream]
            assert caught.value.code == code

    play(settings, scenario)


async def told_again(
    here: Scene, news: LiveNews, stack: AsyncExitStack, whole: str
) -> tuple[Raw, str]:
    """Show a text, try again, and then say ``whole``; return the stream and the job."""
    asked = raw(here, stack)
    job = await here.job()
    stream = await asked
    claim = await here.api.claim(job)
    with news.running(claim):
        await shows(news, claim, "One two")
        await stream.until("One two")
        await put_off(here.api, claim)
    await here.sql("UPDATE live SET state = 2, run_at = NULL WHERE state = 1")
    again = await here.api.claim(job, fence=2)
    with news.running(again):
        await shows(news, again, whole[:3])
        if whole.startswith("One"):
            # A part of what was shown: nothing new, and nothing wrong.
            await stream.until(": running attempt=2")
        else:
            await stream.rest()
    await here.api.end(job, claim=again, text=whole)
    await stream.rest()
    return stream, job


def test_a_repeated_attempt_goes_on_where_its_text_agrees_and_else_ends_honestly(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        async with worker_of(here.api) as news, AsyncExitStack() as stack:
            stream, _ = await told_again(here, news, stack, "One two three")
            assert stream.done
            assert stream.text == "One two three"
            for whole in ("Eins zwei", "One eleven"):
                stream, job = await told_again(here, news, stack, whole)
                assert not stream.done
                assert stream.text == "One two"
                assert stream.last["error"]["code"] == "stream_broken"
                assert job in stream.last["error"]["message"]

    play(settings, scenario)


async def status_of(here: Scene, job: str) -> str:
    return (await here.api.http.get(f"/v1/jobs/{job}")).json()["status"]


def test_a_client_that_leaves_may_take_the_job_with_it(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        leaving = {"X-Genq-Cancel-On-Disconnect": "true"}
        for headers, status in (({}, ("queued", True)), (leaving, ("cancelled", True))):
            stream = await here.client.chat.completions.create(
                **CHAT, stream=True, extra_headers=headers
            )
            job = (await here.jobs())[-1]["id"]
            await stream.close()

            # The first one must have been let go of before it is looked for again.
            gone = "SELECT 1 FROM held_call WHERE held_until <= now()"
            async with asyncio.timeout(5):
                while True:
                    found = await status_of(here, job), bool(await here.sql(gone))
                    if found == status:
                        break
                    await asyncio.sleep(0.02)  # sleeps: the server notices by itself
        [kept, _] = await here.jobs()
        assert kept["status"] == "queued"
        # Whoever repeats the call gets the job that nobody waits for.
        again = {"x-stainless-retry-count": "1"}
        stream = await here.client.chat.completions.create(
            **CHAT, stream=True, extra_headers=again
        )
        assert stream.response.headers["x-genq-job-id"] == kept["id"]
        await stream.close()

    play(settings, scenario)
