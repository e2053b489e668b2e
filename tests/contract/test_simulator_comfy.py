"""The simulator as a ComfyUI server: what it takes, and its script on ComfyUI's wire."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any, Final

import aiohttp
import orjson
import pytest

from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from tests.fixtures.comfy_scenes import claim_of, edit_of, play
from tests.fixtures.comfy_server import GRAPH, FaultyComfy, comfy_server
from tests.fixtures.model_server import PATIENCE
from tests.fixtures.simulation import Simulation, with_simulation
from tests.fixtures.until import until
from worker.providers.provider import Provider

FAULTS: Final[dict[str, type[GenqError]]] = {
    "rate_limit": ModelRateLimitedError,
    "server_error": ModelUnavailableError,
    "cut": ModelBadAnswerError,
    "malformed": ModelBadAnswerError,
    "reject": ModelError,
    "refuse_content": ModelRefusedError,
    "unauthorized": ModelAuthError,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_the_script_is_what_it_is_called_and_the_next_call_is_sound(
    kind: str,
) -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.direct(faults=[{"kind": kind, "on": "images"}])
        with pytest.raises(GenqError) as failure:
            await provider.generate(claim_of("a kite"))
        assert type(failure.value) is FAULTS[kind]
        assert len((await provider.generate(claim_of("a kite", n=2))).pictures) == 2

    play(scene)


Ask = Callable[..., Awaitable[tuple[int, Any]]]


@asynccontextmanager
async def asked() -> AsyncGenerator[tuple[FaultyComfy, Ask]]:
    """Give a server and what asks it; the answer is status and JSON."""
    async with (
        asyncio.timeout(PATIENCE),
        comfy_server() as server,
        aiohttp.ClientSession() as session,
    ):

        async def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            url = f"{server.base_url}{path}"
            async with session.request(method, url, json=body) as response:
                text = await response.read()
                return response.status, orjson.loads(text) if text else None

        yield server, ask


def changed(**nodes: dict[str, Any] | None) -> dict[str, Any]:
    graph: dict[str, Any] = deepcopy(GRAPH) | {name[1:]: told for name, told in nodes.items()}
    return {name: told for name, told in graph.items() if told is not None}


SCENE_OF_REFUSALS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "class": (changed(n6={"class_type": "Nobody", "inputs": {}}), "missing_node_type"),
    "outputs": (changed(n9=None, n10=None), "prompt_no_outputs"),
    "cycle": (
        changed(n8={"class_type": "VAEDecode", "inputs": {"samples": ["8", 0]}}),
        "prompt_outputs_failed_validation",
    ),
    "link": (changed(n6=None), "prompt_outputs_failed_validation"),
    "value": (
        changed(n6={"class_type": "CLIPTextEncode", "inputs": {}}),
        "prompt_outputs_failed_validation",
    ),
}


def test_graphs_that_comfyui_does_not_take_are_refused_in_its_words() -> None:
    async def inside() -> None:
        async with asked() as (_, ask):
            for graph, kind in SCENE_OF_REFUSALS.values():
                status, told = await ask("POST", "/prompt", {"prompt": graph})
                assert (status, told["error"]["type"]) == (400, kind)
            assert (await ask("POST", "/prompt", {}))[1]["error"]["type"] == "no_prompt"
            wrong = {"prompt": GRAPH, "prompt_id": "kite"}
            status, told = await ask("POST", "/prompt", wrong)
            assert (status, told["error"]["type"]) == (400, "invalid_prompt_id")

    asyncio.run(inside())


def test_one_prompt_runs_and_the_others_wait_until_they_are_taken_out() -> None:
    async def inside() -> None:
        async with asked() as (server, ask):
            server.direct(latency=30)
            ids: list[str] = []
            for n in range(3):
                graph = changed(n6={"class_type": "CLIPTextEncode", "inputs": {"text": f"{n}"}})
                ids.append((await ask("POST", "/prompt", {"prompt": graph}))[1]["prompt_id"])
            await server.until_running()
            _, queue = await ask("GET", "/queue")
            assert [one[1] for one in queue["queue_running"]] == ids[:1]
            assert [one[1] for one in queue["queue_pending"]] == ids[1:]
            assert (await ask("GET", "/prompt"))[1]["exec_info"]["queue_remaining"] == 3

            assert (await ask("POST", "/queue", {"delete": [ids[1]]}))[0] == 200
            assert (await ask("POST", "/interrupt", {"prompt_id": ids[2]}))[0] == 200
            assert server.server.queue.running is not None
            assert (await ask("POST", "/queue", {"clear": True}))[0] == 200
            assert (await ask("POST", "/interrupt", {}))[0] == 200
            await server.until_idle()
            _, history = await ask("GET", "/history")
            assert list(history) == ids[:1]
            assert history[ids[0]]["status"]["status_str"] == "error"
            await ask("POST", "/history", {"delete": ids})
            assert (await ask("GET", f"/history/{ids[0]}"))[1] == {}

    asyncio.run(inside())


def test_calls_are_counted_with_those_of_the_other_wire() -> None:
    async def scenario(running: Simulation) -> None:
        status, told = await running.post("/comfy/api/prompt", {"prompt": GRAPH})
        assert status == 200
        await until(lambda: not running.service.calls.in_flight, "nothing is left")
        _, calls = await running.get("/control/calls")
        (call,) = calls["calls"]
        assert (call["on"], call["request_id"]) == ("images", told["prompt_id"])
        assert call["status"] == 200

    with_simulation(scenario)


def test_what_is_loaded_decides_what_is_made() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        del server
        pictures = [
            (await provider.generate(edit_of("a kite", one, mask=one, seed=1))).pictures
            for one in (RED, BLUE, RED)
        ]
        assert pictures[0] == pictures[2] != pictures[1]

    play(scene)


RED: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhg"
    "GAWjR9awAAAABJRU5ErkJggg=="
)
BLUE: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChw"
    "GA60e6kgAAAABJRU5ErkJggg=="
)
