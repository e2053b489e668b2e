"""What a ComfyUI server may do that nobody expects, and what it may not do with it."""

import asyncio
import json
from typing import Any, Final

import orjson
import pytest
from aiohttp import web

from schemas.errors import ModelBadAnswerError
from schemas.model_errors import ModelMisconfiguredError
from tests.fixtures.cog_scenes import Heard
from tests.fixtures.comfy_scenes import claim_of, outcome_of, play
from tests.fixtures.comfy_server import FaultyComfy
from tests.fixtures.model_server import answers, answers_bytes
from tests.fixtures.until import until
from worker.providers.provider import Provider

PROMPT: Final = ("POST", "/prompt")
HISTORY: Final = ("GET", "/history")
WS: Final = ("GET", "/ws")
# What nodes of other people may say of a prompt: value and most of a step.
STRANGE: Final[tuple[tuple[Any, Any], ...]] = (
    *(("1", "2"), (1, 1e300), (1e300, 9), (-1, 9), (True, True), ([], 2), (1, None)),
    *(("nan", "9"), ("1", "inf"), (10**30, 10**31)),
)


def test_an_output_that_is_refused_is_missed_though_none_is_named() -> None:
    told = {"8": {"errors": [], "dependent_outputs": ["9"]}}
    answer = answers({"prompt_id": "p", "number": 1, "node_errors": told})

    failure, server = outcome_of({PROMPT: answer})

    assert type(failure) is ModelMisconfiguredError
    assert server.count(*HISTORY) == 0


def test_a_picture_that_somebody_deleted_is_made_again() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        claim = claim_of("a kite", seed=1)
        first = await provider.generate(claim)
        server.server.files.forget()
        again = await provider.generate(claim)
        assert again.pictures == first.pictures

        prefixes = [one["prompt"]["9"]["inputs"]["filename_prefix"] for one in server.prompts()]
        assert prefixes == [f"a/b-{one['prompt_id']}" for one in server.prompts()]

    play(scene)


def test_a_prompt_is_taken_back_though_its_submission_was_never_answered() -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        await going.wait()
        return await answers({}, 500)(request)

    going = asyncio.Event()

    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.script[PROMPT].append(breaks)
        job = asyncio.create_task(provider.generate(claim_of("a kite")))
        await until(lambda: server.count(*PROMPT) == 1, "it is submitted")
        job.cancel()
        await asyncio.wait([job])
        going.set()
        await until(lambda: server.count("POST", "/queue") == 1, "it is taken back")
        (taken,) = [body for _, path, _, body in server.asked if path == "/queue" and body]
        assert orjson.loads(taken) == {"delete": [server.prompts()[0]["prompt_id"]]}

    play(scene)


def test_two_prompts_under_one_name_do_not_end_each_other() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.direct(latency=30)
        first = asyncio.create_task(provider.generate(claim_of("a kite")))
        running = await server.until_running()
        server.script[PROMPT].append(answers({"prompt_id": running}))
        with pytest.raises(ModelBadAnswerError):
            await provider.generate(claim_of("a boat"))
        assert server.server.queue.running is not None
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await server.until_idle()

    play(scene)


def test_a_line_leads_nowhere_but_to_its_server() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        there = {"location": server.base_url.replace("/comfy", "/inside")}
        server.script[WS] = [answers_bytes(b"", 302, there)] * 1000
        assert len((await provider.generate(claim_of("a kite"))).pictures) == 1
        assert server.count(*WS) >= 1
        assert server.count("GET", "/inside") == 0

    play(scene)


def test_a_line_that_breaks_as_soon_as_it_is_there_is_tried_less_and_less_often() -> None:
    async def leaves(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close()
        return socket

    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.direct(latency=0.9)
        server.script[WS] = [leaves] * 1000
        await provider.generate(claim_of("a kite"))
        assert 1 < server.count(*WS) <= 3

    play(scene)


def test_strange_news_of_a_prompt_are_passed_over_and_the_line_goes_on() -> None:
    servers, heard = list[FaultyComfy](), Heard()

    async def strange(request: web.Request) -> web.StreamResponse:
        (server,) = servers
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await until(lambda: server.server.queue.running is not None, "it runs")
        about = {"prompt_id": server.prompts()[0]["prompt_id"]}
        await socket.send_str(json.dumps({"type": [], "data": about}))
        for value, most in STRANGE:
            step = {"value": value, "max": most}
            nodes = {"3": {"state": "running", **step}}
            for kind, told in (("progress", step), ("progress_state", {"nodes": nodes})):
                await socket.send_str(json.dumps({"type": kind, "data": about | told}))
        step = {"value": 3, "max": 4}
        await socket.send_str(json.dumps({"type": "progress", "data": about | step}))
        await until(lambda: server.server.queue.running is None, "it has run")
        await socket.send_str(json.dumps({"type": "execution_success", "data": about}))
        await socket.receive()
        await socket.receive()
        return socket

    async def scene(server: FaultyComfy, provider: Provider) -> None:
        servers.append(server)
        server.direct(latency=0.1)
        server.script[WS].append(strange)
        await provider.generate(claim_of("a kite"))
        assert server.count(*WS) == 1

    play(scene, news=heard)

    # Text that is a number, within bounds, is one in the newer message.
    assert heard.told == [{"step": 1, "steps": 2}, {"step": 3, "steps": 4}]
