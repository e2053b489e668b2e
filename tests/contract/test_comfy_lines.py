"""How a prompt of a ComfyUI server is followed, given up, and lost."""

import asyncio
import gc
from contextlib import suppress
from typing import Final

import orjson
import pytest
from aiohttp import web

from schemas.errors import (
    ModelTimeoutError,
    ModelUnavailableError,
)
from tests.fixtures.cog_scenes import Heard
from tests.fixtures.comfy_scenes import (
    claim_of,
    outcome_of,
    play,
    provider_of,
)
from tests.fixtures.comfy_server import GRAPH, FaultyComfy, comfy_server
from tests.fixtures.model_server import (
    PATIENCE,
    answers,
)
from tests.fixtures.until import until
from worker.providers.comfy_line import read_preview
from worker.providers.provider import Provider, Reply

PROMPT: Final = ("POST", "/prompt")
WS: Final = ("GET", "/ws")


@pytest.mark.parametrize("old", [False, True])
def test_watchers_hear_the_steps_and_see_pictures_early(old: bool) -> None:
    heard = Heard()

    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.server.old = old
        server.direct(latency=0.2)
        reply = await provider.generate(claim_of("a kite"))
        assert len(reply.pictures) == 1

    play(scene, news=heard)

    steps = [told["step"] for told in heard.told if "preview" not in told]
    assert steps == [1, 2, 3, 4]
    previews = [told["preview"] for told in heard.told if told.get("preview")]
    assert 1 <= len(previews) <= 2
    assert all(preview.startswith(b"\xff\xd8") for preview in previews)


def test_both_forms_of_a_preview_are_read_and_nothing_else() -> None:
    about = orjson.dumps({"prompt_id": "p", "image_type": "image/png"})
    size = len(about).to_bytes(4, "big")

    assert read_preview(b"\0\0\0\1\0\0\0\2PNG") == (None, b"PNG")
    assert read_preview(b"\0\0\0\4" + size + about + b"PNG") == ("p", b"PNG")
    for wrong in (b"", b"\0\0\0\1", b"\0\0\0\4" + size + b"{", b"\0\0\0\3\0\0\0\1ab"):
        assert read_preview(wrong) == (None, None)


def test_cancelling_interrupts_that_prompt_and_no_other() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.direct(latency=30)
        first = asyncio.create_task(provider.generate(claim_of("a kite")))
        running = await server.until_running()
        second = asyncio.create_task(provider.generate(claim_of("a boat")))
        await until(lambda: bool(server.server.queue.pending), "it has arrived")

        second.cancel()
        await asyncio.wait([second])
        await until(lambda: not server.server.queue.pending, "nothing is left")
        assert server.server.queue.running is not None
        assert server.count("POST", "/interrupt") == 0

        first.cancel()
        first.cancel()
        await asyncio.wait([first])
        await server.until_idle()
        told = dict(server.server.queue.history[running]["status"]["messages"])
        assert "execution_interrupted" in told
        assert server.count("POST", "/interrupt") == 1

    play(scene)


def test_a_job_that_is_cancelled_while_its_prompt_is_submitted_leaves_nothing_behind() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.direct(latency=30, faults=[{"kind": "hang", "times": None, "delay": 0.2}])
        job = asyncio.create_task(provider.generate(claim_of("a kite")))
        await until(lambda: bool(server.count(*PROMPT)), "it has arrived")
        job.cancel()
        await asyncio.wait([job])

        await server.until_idle()
        queue = server.server.queue
        assert queue.running is None
        assert not queue.pending

    play(scene)


def test_a_prompt_that_takes_too_long_is_given_up() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.direct(faults=[{"kind": "hang"}])
        with pytest.raises(ModelTimeoutError):
            await provider.generate(claim_of("a kite"))
        await server.until_idle()
        assert server.count("POST", "/interrupt") == 1

    play(scene, silence=0.3)


def test_an_old_server_that_names_prompts_itself_is_followed_by_its_names() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.server.old = True
        assert len((await provider.generate(claim_of("a kite"))).pictures) == 1
        server.direct(latency=30)
        job = asyncio.create_task(provider.generate(claim_of("a boat")))
        running = await server.until_running()
        assert server.prompts()[-1]["prompt_id"] != running
        job.cancel()
        await asyncio.wait([job])
        await server.until_idle()

    play(scene)


def test_without_a_line_the_history_tells_the_end() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.script[WS] = [answers({}, 404)] * 1000
        reply = await provider.generate(claim_of("a kite"))
        assert len(reply.pictures) == 1

    play(scene)


def test_what_happened_while_the_line_was_broken_is_made_up_for() -> None:
    heard = Heard()

    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.direct(latency=0.4)
        job = asyncio.create_task(provider.generate(claim_of("a kite")))
        await server.until_running()
        await server.server.sockets.hang_up()
        assert len((await job).pictures) == 1
        assert server.count(*WS) == 2

    play(scene, news=heard)
    assert heard.told[-1]["step"] == 4


def test_a_server_that_started_again_has_lost_the_prompt_and_another_may_try() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.direct(latency=30)
        jobs = [asyncio.create_task(provider.generate(claim_of("a kite"))) for _ in range(3)]
        await server.until_running()
        await server.server.restart()
        for failure in await asyncio.gather(*jobs, return_exceptions=True):
            assert type(failure) is ModelUnavailableError
            assert "lost" in failure.message
        server.direct()
        await provider.generate(claim_of("a kite"))

    play(scene)


def test_a_server_that_dies_with_fifty_prompts_fails_them_all_and_takes_more_later() -> None:
    async def inside() -> None:
        async with asyncio.timeout(PATIENCE), comfy_server() as first:
            port = int(first.base_url.split(":")[2].split("/")[0])
            provider_there = provider_of(first.base_url)
            provider = await provider_there.__aenter__()
            first.direct(latency=30)
            jobs = [
                asyncio.create_task(provider.generate(claim_of(f"kite {n}"))) for n in range(50)
            ]
            await until(lambda: len(first.server.queue.pending) >= 49, "all are there")
        async with asyncio.timeout(PATIENCE):
            failures = await asyncio.gather(*jobs, return_exceptions=True)
            assert {type(one) for one in failures} == {ModelUnavailableError}
            async with comfy_server(port=port) as second:
                await provider.generate(claim_of("a kite"))
                assert second.count(*PROMPT) == 1
            await provider_there.__aexit__(None, None, None)
        # Nobody waits for anything.
        gc.collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(inside())


def test_a_line_full_of_nonsense_does_no_harm() -> None:
    async def nonsense(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for said in ("{", "[]", "7", '{"type": 1}', '{"type":"x","data":{"prompt_id":{}}}'):
            await socket.send_str(said)
        await socket.send_bytes(b"\xff" * 9)
        with suppress(ConnectionError):
            await socket.receive()
        return socket

    reply, _ = outcome_of({WS: nonsense})

    assert isinstance(reply, Reply)
    assert GRAPH["6"]["inputs"]["text"] == "nothing"
