"""The WebSockets of a ComfyUI server: who hears what, and the frames of previews."""

import asyncio
import base64
from contextlib import suppress
from typing import Any, Final

import orjson
from aiohttp import WSMsgType, web

_PREVIEW: Final = (1).to_bytes(4, "big")
_PREVIEW_WITH_METADATA: Final = (4).to_bytes(4, "big")
_PNG: Final = (2).to_bytes(4, "big")
_FEATURES: Final = {"supports_preview_metadata": True, "max_upload_size": 104_857_600}


class ComfySockets:
    """Sends each client what is about its prompts, and everybody the state of the queue."""

    def __init__(self) -> None:
        self._lines: dict[str, asyncio.Queue[bytes | str]] = {}
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._new_previews: set[str] = set()

    def listens(self, client: str) -> bool:
        """Return whether a client is there."""
        return client in self._lines

    def tell(self, event: str, data: Any, *, client: str | None = None) -> None:
        """Send a message to one client, or to all."""
        message = orjson.dumps({"type": event, "data": data}).decode()
        for name, line in self._lines.items():
            if client in {None, name}:
                line.put_nowait(message)

    def show(self, client: str, picture: bytes, prompt_id: str, node: str) -> None:
        """Send a preview, in the form that the client understands.

        Args:
            client: Who asked.
            picture: A PNG file in base64.
            prompt_id: What it is of.
            node: Which node makes it.
        """
        line = self._lines.get(client)
        if line is None:
            return
        data = base64.b64decode(picture)
        if client not in self._new_previews:
            line.put_nowait(_PREVIEW + _PNG + data)
            return
        about = orjson.dumps(
            {"node_id": node, "prompt_id": prompt_id, "image_type": "image/png"}
        )
        size = len(about).to_bytes(4, "big")
        line.put_nowait(_PREVIEW_WITH_METADATA + size + about + data)

    async def serve(
        self, request: web.Request, status: dict[str, Any], *, greets: bool
    ) -> web.WebSocketResponse:
        """Keep a client's line open.

        Args:
            request: Of the client.
            status: The first that it hears.
            greets: Whether its features are asked for.
        """
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        client = request.query.get("clientId", "") or f"{id(socket):x}"
        line: asyncio.Queue[bytes | str] = asyncio.Queue()
        self._lines[client], self._sockets[client] = line, socket
        self._new_previews.discard(client)
        self.tell("status", {"status": status, "sid": client}, client=client)
        sending = asyncio.create_task(_send(socket, line))
        try:
            async for message in socket:
                if greets and message.type is WSMsgType.TEXT:
                    self._greeted(client, message.data)
        finally:
            sending.cancel()
            # As ComfyUI does: a line that is opened again before the old one is gone is
            # forgotten with it.
            self._lines.pop(client, None)
            self._sockets.pop(client, None)
        return socket

    async def hang_up(self) -> None:
        """Close every line."""
        for socket in list(self._sockets.values()):
            await socket.close()

    def _greeted(self, client: str, said: str) -> None:
        with suppress(ValueError, AttributeError):
            told = orjson.loads(said)
            if told.get("type") == "feature_flags":
                if told.get("data", {}).get("supports_preview_metadata"):
                    self._new_previews.add(client)
                self.tell("feature_flags", _FEATURES, client=client)


async def _send(socket: web.WebSocketResponse, line: "asyncio.Queue[bytes | str]") -> None:
    with suppress(ConnectionError):
        while True:
            message = await line.get()
            if isinstance(message, bytes):
                await socket.send_bytes(message)
            else:
                await socket.send_str(message)
