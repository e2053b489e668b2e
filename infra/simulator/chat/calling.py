"""How a platform calls the bot: over HTTP, or an ASGI application in the same process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

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
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode())
                for name, value in {
                    "host": "genq.test",
                    "content-length": str(len(body)),
                    **headers,
                }.items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("genq.test", 80),
        }
        incoming = [{"type": "http.request", "body": body, "more_body": False}]
        status, told, pieces = 0, dict[str, str](), list[bytes]()
        over = asyncio.Event()

        async def receive() -> MutableMapping[str, Any]:
            if incoming:
                return incoming.pop()
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(event: MutableMapping[str, Any]) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
                told.update({n.decode().lower(): v.decode() for n, v in event["headers"]})
            elif event["type"] == "http.response.body":
                pieces.append(event.get("body", b""))

        try:
            await app(scope, receive, send)
        finally:
            over.set()
        return _answer(status, told, b"".join(pieces))

    return call


def _answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(status, body, headers, media_type)
