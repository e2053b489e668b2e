"""Receives the webhooks of the bench, in a process of its own: ``-m tests.bench.sink``.

Every arrival is passed on at once to whoever follows, as a line ``job event status seconds``.
The signature of every fiftieth is verified with the standard's own library.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from typing import Final

import orjson
import uvloop
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from tests.bench.lines import questions, say

_HOST: Final = "127.0.0.1"
_VERIFIED_OF: Final = 50


class Sink:
    """Counts, checks and passes on."""

    def __init__(self, secret: str) -> None:
        self._key = Webhook(secret) if secret else None
        self._followers: set[asyncio.StreamWriter] = set()
        self.received = 0
        self.verified = 0
        self.refused = 0

    async def take(self, request: web.Request) -> web.Response:
        """Answer a webhook."""
        arrived = time.monotonic()
        body = await request.read()
        if self._key is not None and self.received % _VERIFIED_OF == 0:
            try:
                self._key.verify(body, dict(request.headers))
                self.verified += 1
            except WebhookVerificationError:
                self.refused += 1
        self.received += 1
        event = orjson.loads(body)
        job = event["data"]
        line = f"{job['id']} {request.headers['webhook-id']} {job['status']} {arrived}\n"
        for follower in self._followers:
            follower.write(line.encode())
        return web.Response(status=204)

    async def follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass arrivals on to one follower until it leaves."""
        self._followers.add(writer)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        self._followers.discard(writer)
        writer.close()


async def serve(secret: str) -> None:
    """Serve until the parent is gone; say where, then answer every question with the counts."""
    sink = Sink(secret)
    app = web.Application()
    app.router.add_post("/hook", sink.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, _HOST, 0, backlog=1024).start()
    following = await asyncio.start_server(sink.follow, _HOST, 0)
    hook = f"http://{_HOST}:{runner.addresses[0][1]}/hook"
    say(orjson.dumps({"hook": hook, "follow": following.sockets[0].getsockname()[1]}))
    async for _ in questions():
        counts = {"received": sink.received, "verified": sink.verified, "refused": sink.refused}
        say(orjson.dumps(counts))
    following.close()
    await runner.cleanup()


def main() -> int:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--secret", default="", help="whsec_…; none: verify nothing")
    uvloop.run(serve(parser.parse_args().secret))
    return 0


if __name__ == "__main__":
    sys.exit(main())
