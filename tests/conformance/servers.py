"""What a conforming genq stands between: a model server with OpenAI's names, and a receiver."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Generator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from infra.simulator.app import create_app
from infra.simulator.server import serve
from tests.fixtures.until import wait_until
from tests.fixtures.up import UpProcess, running_up

# What OpenAI's examples name, and what of the simulator stands in for it.
NAMES: Final = {
    "gpt-5.5": ("sim-chat-1", "chat"),
    "gpt-image-1": ("sim-image-1", "image"),
    "gpt-image-1-mini": ("sim-image-1", "image_edit"),
    "gpt-3.5-turbo-instruct": ("sim-chat-1", "completion"),
    "text-embedding-3-small": ("sim-embedding-1", "embedding"),
    "gpt-4o-mini-tts": ("sim-speech-1", "speech"),
}
SLOW: Final = b"Count to a hundred, slowly."
_SLOW_SECONDS: Final = 1.6
_PATIENCE: Final = 30
_PASSED_ON: Final = ("content-type", "authorization", "accept")


@dataclass
class Outside:
    """The world around genq.

    Attributes:
        slow: Bodies with ``SLOW`` in them that reached the model.
        received: Webhooks: headers and body.
        models_url: Of the model server, with ``/v1``.
        hook_url: Where webhooks go.
    """

    slow: list[bytes] = field(default_factory=list[bytes])
    received: list[tuple[dict[str, str], bytes]] = field(
        default_factory=list[tuple[dict[str, str], bytes]]
    )
    models_url: str = ""
    hook_url: str = ""

    async def serve(self, stack: AsyncExitStack) -> None:
        """Listen until the stack closes."""
        inner = await stack.enter_async_context(serve(create_app()))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        outer, hooks = web.Application(), web.Application()

        async def forward(request: web.Request) -> web.StreamResponse:
            return await self._forward(session, inner, request)

        outer.router.add_route("*", "/{tail:.*}", forward)
        hooks.router.add_post("/hook", self._receive)
        self.models_url = await stack.enter_async_context(serve(outer)) + "/v1"
        self.hook_url = await stack.enter_async_context(serve(hooks)) + "/hook"

    async def _forward(
        self, session: aiohttp.ClientSession, inner: str, request: web.Request
    ) -> web.StreamResponse:
        body = await request.read()
        if SLOW in body:
            self.slow.append(body)
            await asyncio.sleep(_SLOW_SECONDS)  # sleeps: a model that is slow on purpose
        # As a whole value in JSON or a form: pictures tell the name of their model too.
        for theirs, (ours, _) in NAMES.items():
            for before, after in ((b'"', b'"'), (b"\n", b"\r")):
                named = before + theirs.encode() + after
                body = body.replace(named, before + ours.encode() + after)
        headers = {k: v for k, v in request.headers.items() if k.lower() in _PASSED_ON}
        async with session.request(
            request.method, inner + request.path_qs, data=body, headers=headers
        ) as found:
            answer = web.StreamResponse(status=found.status)
            answer.content_type = found.content_type
            await answer.prepare(request)
            async for chunk in found.content.iter_any():
                await answer.write(chunk)
            return answer

    async def _receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append((headers, await request.read()))
        return web.Response(text="ok")


@dataclass
class Conforming:
    """A genq that runs, and what is around it."""

    up: UpProcess
    outside: Outside

    @property
    def base_url(self) -> str:
        """Return what ``OPENAI_BASE_URL`` is set to."""
        return f"{self.up.facts['url']}/v1"

    @property
    def key(self) -> str:
        """Return what ``OPENAI_API_KEY`` is set to."""
        return str(self.up.facts["api_key"])

    def event(self, event_type: str, about: str) -> tuple[dict[str, str], bytes]:
        """Return the webhook that tells of something, as soon as it came."""

        def found() -> list[tuple[dict[str, str], bytes]]:
            told = [(h, b, json.loads(b)) for h, b in list(self.outside.received)]
            return [
                (headers, body)
                for headers, body, event in told
                if event["type"] == event_type and event["data"].get("id") == about
            ]

        wait_until(lambda: bool(found()), f"no {event_type} of {about} came", _PATIENCE)
        return found()[0]


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(_PATIENCE)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()


@contextmanager
def conforming(folder: Path) -> Generator[Conforming]:
    """Start a whole genq that has models of OpenAI's names."""
    loop, outside, stack = _Loop(), Outside(), AsyncExitStack()
    try:
        loop.do(outside.serve(stack))
        models = [{"name": name, "kind": kind} for name, (_, kind) in NAMES.items()]
        server = {"name": "models", "base_url": outside.models_url, "models": models}
        told = {"GENQ_MODEL_SERVERS": json.dumps([server])}
        with running_up(folder / "data", environment=told) as up:
            yield Conforming(up, outside)
    finally:
        loop.do(stack.aclose())
        loop.close()
