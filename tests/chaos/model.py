"""Two model servers with bad manners: one is slow and fails, one limits its callers."""

import asyncio
import base64
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from schemas.generation import Kind
from schemas.model_catalog import ModelServer, ModelSpec
from tests.fixtures.model_server import png

PLAIN: Final = "chaos-image"
BUSY: Final = "chaos-busy"

_ERRORS: Final = 0.10
_HANGS_UP: Final = 0.02
_SLOW: Final = 0.04
_LIMITS: Final = 0.10
_PENALTY: Final = 1.0


class BadModel:
    """Answers calls; the second server, ``busy``, says now and then to come back later."""

    def __init__(self, seed: int) -> None:
        self.port = 0
        self.answers: Counter[str] = Counter()
        # Calls that came before the instant that an earlier 429 had named.
        self.early = 0
        self._closed_until = 0.0
        self._dice = random.Random(seed)
        self._picture = base64.b64encode(png()).decode()

    def servers(self) -> tuple[ModelServer, ...]:
        """Return how genq knows the two servers."""
        origin = f"http://127.0.0.1:{self.port}"
        return tuple(
            ModelServer(
                name=name,
                base_url=f"{origin}/{name}/v1",
                models=(ModelSpec(name=model, kind=Kind.IMAGE),),
            )
            for name, model in (("plain", PLAIN), ("busy", BUSY))
        )

    async def plain(self, request: web.Request) -> web.Response:
        """Answer a call to the server that only fails."""
        await request.read()
        drawn = self._dice.random()
        slow = self._dice.random() < _SLOW
        await asyncio.sleep(
            self._dice.uniform(1.2, 2.2) if slow else drawn / 4 + 0.1
        )  # sleeps: a model takes its time
        if drawn < _ERRORS:
            self.answers["error"] += 1
            return web.json_response({"error": {"message": "as planned"}}, status=500)
        if drawn > 1 - _HANGS_UP and request.transport is not None:
            self.answers["hung_up"] += 1
            request.transport.abort()
        self.answers["picture"] += 1
        return self._painted()

    async def busy(self, request: web.Request) -> web.Response:
        """Answer a call to the server that limits its callers."""
        await request.read()
        now = asyncio.get_running_loop().time()
        self.early += now < self._closed_until
        if self._dice.random() < _LIMITS:
            self.answers["limited"] += 1
            self._closed_until = now + _PENALTY
            return web.json_response(
                {"error": {"message": "slow down"}},
                status=429,
                headers={"Retry-After": str(round(_PENALTY))},
            )
        await asyncio.sleep(0.1)  # sleeps: a model takes its time
        self.answers["picture"] += 1
        return self._painted()

    def _painted(self) -> web.Response:
        return web.json_response({"created": 1, "data": [{"b64_json": self._picture}]})


@asynccontextmanager
async def bad_model(seed: int) -> AsyncGenerator[BadModel]:
    """Serve until the block ends."""
    model = BadModel(seed)
    app = web.Application()
    app.router.add_post("/plain/v1/images/generations", model.plain)
    app.router.add_post("/busy/v1/images/generations", model.busy)
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        model.port = runner.addresses[0][1]
        yield model
    finally:
        await runner.cleanup()
