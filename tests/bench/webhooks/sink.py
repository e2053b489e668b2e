"""The receivers of this bench, one process: ``-m tests.bench.webhooks.sink``.

Whatever is posted to ``/e…`` is taken at once; ``/hang…`` is never answered. As little as can
be is done about a request, so that the senders are measured and not the receiver.
"""

import asyncio
import base64
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httptools
import orjson
import uvloop

from tests.bench.lines import questions, say

_HOST: Final = "127.0.0.1"
_TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_ID: Final = b"webhook-id"
_KEPT_OF: Final = 100


@dataclass
class Seen:
    """What came since the last question."""

    arrivals: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    kept: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    hanging: int = 0


class Talk(asyncio.Protocol):
    """One connection; httptools calls the methods that begin with ``on_``."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._began = 0.0
        self._url = b""
        self._fields: dict[bytes, bytes] = {}
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._began = time.monotonic()
        self._fields = {}
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._url.startswith(b"/hang"):
            self._seen.hanging += 1
            return
        arrivals = self._seen.arrivals
        arrivals.append((self._fields[_ID].decode(), self._began))
        if len(arrivals) % _KEPT_OF == 1:
            fields = {name.decode(): value.decode() for name, value in self._fields.items()}
            body = base64.b64encode(self._body).decode()
            self._seen.kept.append({"fields": fields, "body": body})
        if self._transport is not None:
            self._transport.write(_TAKEN)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._url.startswith(b"/hang"):
            self._seen.hanging -= 1


async def serve() -> None:
    """Serve until the parent is gone; say where, then tell what came whenever asked."""
    seen = Seen()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Talk(seen), _HOST, 0, backlog=4096)
    say(orjson.dumps({"url": f"http://{_HOST}:{server.sockets[0].getsockname()[1]}"}))
    async for question in questions():
        told: dict[str, Any] = {"count": len(seen.arrivals), "hanging": seen.hanging}
        if question.get("all"):
            told |= {"arrivals": seen.arrivals, "kept": seen.kept}
            seen.arrivals, seen.kept = [], []
        say(orjson.dumps(told))
    server.close()


if __name__ == "__main__":
    uvloop.run(serve())
    sys.exit(0)
