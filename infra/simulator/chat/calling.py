"""How a platform calls the bot: over HTTP, or an ASGI application in the same process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import aiohttp

from infra.simulator.chat.wire import Answer

Call = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]
"""POSTs to a path of the bot's server: ``/chat/discord``, headers, body."""

Asgi = Callable[..., Awaitable[None]]


def over_http(origin: str, session: aiohttp.ClientSession) -> Call:
    """Call a server at ``http://host:port``."""

    async def call(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        async with session.post(
            f"{origin}{path}", headers=headers, data=body, allow_redirects=False
        ) as response:
            told = {name.lower(): value for name, value in response.headers.items()}
            return _answer(response.status, told, await response.read())

    return call


def over_asgi(app: Asgi) -> Call:
    """Call an ASGI application in this process; its lifespan is the caller's business."""

    async def call(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        exchange = _Exchange(body)
        try:
            await app(_scope(path, headers, body), exchange.receive, exchange.send)
        finally:
            exchange.over.set()
        return _answer(exchange.status, exchange.headers, b"".join(exchange.pieces))

    return call


class _Exchange:
    """One request to an ASGI application, and what it sends."""

    def __init__(self, body: bytes) -> None:
        self.over: Final = asyncio.Event()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self._incoming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive(self) -> MutableMapping[str, Any]:
        """Hand the body over; who asks again waits until the exchange is over."""
        if self._incoming:
            return self._incoming.pop()
        await self.over.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: MutableMapping[str, Any]) -> None:
        """Take a part of the answer."""
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {n.decode().lower(): v.decode() for n, v in event["headers"]}
        elif event["type"] == "http.response.body":
            self.pieces.append(event.get("body", b""))


def _scope(path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    told = {"host": "genq.test", "content-length": str(len(body)), **headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in told.items()],
        "client": ("127.0.0.1", 1),
        "server": ("genq.test", 80),
    }


def _answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(status, body, headers, media_type)
