"""The doctor asks each model server in the words of its protocol."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import httpx2
import pytest

from producer.doctor.finding import Finding
from producer.doctor.model_servers import look_at_model_server
from tests.fixtures.adapter_scenes import WIRES
from tests.fixtures.cog_server import cog_server
from tests.fixtures.comfy_server import comfy_server
from tests.fixtures.http_server import http_server

Server = Callable[[], AbstractAsyncContextManager[Any]]
ASKED: Final[dict[str, tuple[Server, str, str]]] = {
    "cog": (cog_server, "ok", "it answers as a cog server does"),
    "comfyui": (comfy_server, "ok", "it answers as a comfyui server does"),
    "http": (http_server, "ok", "it answers; what its models do is not asked"),
    "openai": (http_server, "warning", "answers 404"),
}


def found(protocol: str, server: Server | None) -> Finding:
    async def scene(base_url: str) -> Finding:
        settings = WIRES[protocol].settings(base_url, False)
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
            return await look_at_model_server(client, settings)

    async def standing() -> Finding:
        if server is None:
            return await scene("http://127.0.0.1:1")
        async with server() as running:
            return await scene(getattr(running, "base_url", "") or running.origin)

    return asyncio.run(standing())


@pytest.mark.parametrize("protocol", ASKED)
def test_a_server_is_asked_in_its_own_words(protocol: str) -> None:
    server, level, said = ASKED[protocol]

    finding = found(protocol, server)

    assert finding.level == level
    assert said in finding.what


@pytest.mark.parametrize("protocol", ASKED)
def test_a_server_that_does_not_answer_is_wrong_whatever_it_speaks(protocol: str) -> None:
    assert found(protocol, None).level == "error"
