"""The receiver of every job's event: fails now and then, remembers everything."""

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import orjson
from aiohttp import web

_FAILS: Final = 0.05


class Webhooks:
    """Per job, what it was told: event id to type."""

    def __init__(self, seed: int) -> None:
        self.url = ""
        self.told: dict[str, dict[str, str]] = {}
        self.received = 0
        self.refused = 0
        self._dice = random.Random(seed)
        self._failed: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        """Answer a webhook: with an error at most once per event."""
        event = orjson.loads(await request.read())
        event_id = request.headers["webhook-id"]
        self.received += 1
        if event_id not in self._failed and self._dice.random() < _FAILS:
            self._failed.add(event_id)
            self.refused += 1
            return web.Response(status=500)
        self.told.setdefault(event["data"]["id"], {})[event_id] = event["type"]
        return web.Response(status=204)


@asynccontextmanager
async def webhook_receiver(seed: int) -> AsyncGenerator[Webhooks]:
    """Serve until the block ends."""
    webhooks = Webhooks(seed)
    app = web.Application()
    app.router.add_post("/hook", webhooks.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        webhooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield webhooks
    finally:
        await runner.cleanup()
