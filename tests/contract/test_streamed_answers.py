"""An answer that comes piece by piece is the same answer, and tells how far it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from io import BytesIO
from typing import Any

import orjson
import pytest
from aiohttp import web
from PIL import Image

from infra.clock import SystemClock
from infra.progress import MAX_PREVIEW_BYTES, News, ProgressLine, encode_watched, news_channel
from infra.simulator.script import Fault, FaultKind
from schemas.claim import Claim
from schemas.errors import GenqError
from tests.fixtures.claims import chat_claim, image_claim
from tests.fixtures.model_server import answers, image_answer, model_server, png
from tests.fixtures.provider_scenes import provider_of
from tests.fixtures.simulation import Simulation, simulation
from worker.progress import LiveNews
from worker.providers.provider import Provider, Reply
from worker.providers.streamed import lines_of

PICTURE = image_claim(input={"prompt": "a red kite over the sea", "size": "512x384", "seed": 7})
TALK = chat_claim()


class Line(ProgressLine):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__("redis://nowhere.invalid")
        self.sent: list[News] = []

    async def send(self, news: Sequence[News]) -> None:
        self.sent += news


class Told(LiveNews):
    """Keeps every report, however fast they come."""

    def __init__(self) -> None:
        self.line = Line()
        self.reports: list[dict[str, Any]] = []
        super().__init__(self.line, SystemClock())

    def progressed(self, claim: Claim, **report: Any) -> None:
        self.reports.append(report)
        super().progressed(claim, **report)


def play(
    scenario: Callable[[Simulation, Provider, Told], Awaitable[None]], *, watched: bool = True
) -> None:
    async def scene() -> None:
        told = Told()
        async with (
            simulation() as simulator,
            provider_of(f"{simulator.url}/v1", news=told) as provider,
        ):
            if watched:
                told.heard(encode_watched(news_channel("here"), [PICTURE.job_id]))
            async with asyncio.timeout(30):
                await scenario(simulator, provider, told)
        await told.close()

    asyncio.run(scene())


async def whole(simulator: Simulation, claim: Claim) -> Reply:
    """Return what the same call gives in one piece."""
    async with provider_of(f"{simulator.url}/v1") as provider:
        return await provider.generate(claim)


def test_a_streamed_picture_is_the_same_picture_after_three_previews() -> None:
    async def scenario(simulator: Simulation, provider: Provider, told: Told) -> None:
        with told.running(PICTURE):
            reply = await provider.generate(PICTURE)
        assert reply == await whole(simulator, PICTURE)

        assert [(r["step"], r["steps"]) for r in told.reports] == [(1, 4), (2, 4), (3, 4)]
        for report in told.reports:
            assert len(report["preview"]) <= MAX_PREVIEW_BYTES
            with Image.open(BytesIO(report["preview"])) as small:
                assert (small.format, small.size) == ("JPEG", (320, 240))

    play(scenario)


def test_nobody_who_watches_no_preview_is_made() -> None:
    async def scenario(simulator: Simulation, provider: Provider, told: Told) -> None:
        with told.running(PICTURE):
            await provider.generate(PICTURE)
        assert [r["preview"] for r in told.reports] == [None] * 3
        assert told.line.sent == []
        # Several at once are not streamed by OpenAI's API.
        several = image_claim(input={"prompt": "a kite", "n": 2, "size": "64x64"})
        assert len((await provider.generate(several)).pictures) == 2
        assert simulator.service.calls.seen["images"] == 2

    play(scenario, watched=False)


def test_a_streamed_text_is_the_same_text_and_tells_its_length() -> None:
    async def scenario(simulator: Simulation, provider: Provider, told: Told) -> None:
        with told.running(TALK):
            reply = await provider.generate(TALK)
        assert reply == await whole(simulator, TALK)
        lengths = [report["characters"] for report in told.reports]
        assert lengths == sorted(lengths)
        assert reply.text is not None
        assert lengths[-1] == len(reply.text)

    play(scenario)


class Lenient:
    """Lets everything pass."""

    async def passes(self, claim: Claim, text: str) -> bool:
        del claim, text
        return True


def test_who_asks_for_words_reads_them_while_they_are_written() -> None:
    async def scenario(simulator: Simulation, provider: Provider, told: Told) -> None:
        simulator.play(latency=0.2)
        told.judge = Lenient()
        told.heard(encode_watched(news_channel("here"), [TALK.job_id], words=True))
        with told.running(TALK):
            reply = await provider.generate(TALK)
        assert reply.text is not None
        shown = [report["text"] for report in told.reports if report.get("text")]
        assert shown
        assert all(reply.text.startswith(text) for text in shown)
        # Several texts, and odds, are read when they are whole.
        told.reports.clear()
        for more in ({"n": 2}, {"logprobs": True}):
            await provider.generate(chat_claim(input={**TALK.input, **more}))
        assert told.reports == []

    play(scenario)


@pytest.mark.parametrize("claim", [PICTURE, TALK], ids=["image", "chat"])
@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.MALFORMED, FaultKind.RATE_LIMIT])
def test_a_stream_that_goes_wrong_is_a_failure_that_is_retried(
    kind: FaultKind, claim: Claim
) -> None:
    async def scenario(simulator: Simulation, provider: Provider, told: Told) -> None:
        simulator.play(Fault(kind=kind))
        with told.running(claim), pytest.raises(GenqError) as failure:
            await provider.generate(claim)
        limited = kind is FaultKind.RATE_LIMIT
        assert failure.value.retryable
        assert (failure.value.code == "model_rate_limited") is limited

    play(scenario)


def events(*payloads: Any) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        body = b"".join(b"data: %b\r\n\r\n" % orjson.dumps(payload) for payload in payloads)
        return web.Response(body=body, content_type="text/event-stream")

    return answer


def reply_to(claim: Claim, answer: Any) -> Reply:
    async def scene() -> Reply:
        told = Told()
        async with (
            model_server() as server,
            provider_of(server.base_url, news=told) as provider,
        ):
            server.script = [answer]
            reply = await provider.generate(claim)
            assert server.calls[0].body["stream"] is True
        await told.close()
        return reply

    return asyncio.run(scene())


def test_a_server_that_does_not_stream_after_all_is_understood() -> None:
    assert len(reply_to(PICTURE, answers(image_answer(png()))).pictures) == 1


def test_tool_calls_are_put_together_from_their_pieces() -> None:
    def piece(index: int, **function: str) -> Any:
        call = {"index": index, "function": function}
        if "name" in function:
            call |= {"id": f"call_{index}", "type": "function"}
        return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}

    reply = reply_to(
        TALK,
        events(
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]},
            piece(0, name="fly", arguments=""),
            piece(0, arguments='{"kite":'),
            piece(1, name="land", arguments="{}"),
            piece(0, arguments='"red"}'),
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        ),
    )

    message: Any = reply.details["message"]
    assert [call["function"] for call in message["tool_calls"]] == [
        {"name": "fly", "arguments": '{"kite":"red"}'},
        {"name": "land", "arguments": "{}"},
    ]
    assert reply.details["finish_reason"] == "tool_calls"
    assert reply.usage.output_tokens == 4


def test_a_text_may_hold_whatever_else_some_take_for_the_end_of_a_line() -> None:
    said = "one\u2028two\u2029three\x85four"
    spoken = {"index": 0, "delta": {"content": said}, "finish_reason": "stop"}

    assert reply_to(TALK, events({"choices": [spoken]})).text == said


def test_lines_end_as_the_standard_says_wherever_the_stream_is_torn() -> None:
    stream = "data: a\r\n\r\ndata: é\u2028\r\rdata: c\n\nrest".encode()

    async def lines(size: int) -> list[str]:
        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(stream), size):
                yield stream[start : start + size]

        return [line async for line in lines_of(pieces())]

    for size in range(1, len(stream) + 1):
        found = asyncio.run(lines(size))
        assert found == ["data: a", "", "data: é\u2028", "", "data: c", ""], size


def test_an_error_inside_a_stream_is_the_servers_error() -> None:
    refused = {"error": {"code": "moderation_blocked", "message": "no", "type": "x"}}
    with pytest.raises(GenqError) as failure:
        reply_to(PICTURE, events(refused))
    assert failure.value.code == "model_refused_content"
