"""Server-sent events over one answer: head, frames, keep-alives, and a polite end.

Nothing is queued for a client: its source knows what the client has seen and hands over what
is there now. A slow client therefore skips what was overtaken meanwhile, and one that takes
nothing at all for ``STALL_SECONDS`` is let go.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final, Protocol

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infra.telemetry.metrics import STREAMS_OPEN

MEDIA_TYPE: Final = "text/event-stream"
# Proxies close what says nothing for 30 to 60 s.
KEEP_ALIVE_SECONDS: Final = 15.0
STALL_SECONDS: Final = 30.0
# A stream outlives a revoked key by this at most: whoever comes back shows the key again.
LONGEST_SECONDS: Final = 3600.0
_RETRY: Final = b"retry: 2000\n\n"
_KEEP_ALIVE: Final = b": keep-alive\n\n"
_HEADERS: Final = {
    "cache-control": "no-store",
    # nginx would hold events back until a buffer is full.
    "x-accel-buffering": "no",
}

_log: Final = structlog.get_logger()


class Source(Protocol):
    """Where one client's events come from.

    Attributes:
        rung: Set when there may be something new.
        over: Nothing comes any more.
    """

    rung: asyncio.Event
    over: bool

    async def take(self) -> bytes:
        """Return the frames that are there now and that the client has not seen."""
        ...


def frame(event_type: str, event_id: str, data: bytes) -> bytes:
    """Return one event; ``data`` is JSON in one line."""
    return b"event: %b\nid: %b\ndata: %b\n\n" % (event_type.encode(), event_id.encode(), data)


def finished_stream(frames: bytes) -> Response:
    """Return an answer whose events are all known: they are sent, and that is all."""
    return Response(_RETRY + frames, 200, _HEADERS, MEDIA_TYPE)


class EventStream(Response):
    """The answer that sends what a source gives until it is over or the client leaves.

    Args:
        watching: Gives the source for as long as the answer lasts.
        stall: Seconds after which a client that takes nothing is let go.
        opening: What is sent first.
        headers: What else the head of the answer tells.
    """

    def __init__(
        self,
        watching: AbstractContextManager[Source],
        *,
        stall: float = STALL_SECONDS,
        opening: bytes = _RETRY,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(None, 200, {**_HEADERS, **(headers or {})}, MEDIA_TYPE)
        self._watching = watching
        self._stall = stall
        self._opening = opening
        # The length is not known.
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client.

        Raises:
            ClientDisconnect: It takes nothing.
        """
        del scope
        client = _Client(send, self._stall)
        with STREAMS_OPEN.track_inprogress(), self._watching as source:
            left = asyncio.create_task(hang_up(receive, source.rung))
            head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(head)
            try:
                async with asyncio.timeout(LONGEST_SECONDS):
                    if self._opening:
                        await client.take(self._opening)
                    await _serve(client, source, left)
            except TimeoutError:
                _log.debug("stream_ended_by_age")
            finally:
                left.cancel()
        if not client.done:
            await client.take(b"", more=False)


class _Client:
    """Who is sent to; one that takes nothing is given up."""

    def __init__(self, send: Send, stall: float) -> None:
        self.done = False
        self._send = send
        self._stall = stall

    async def take(self, body: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(self._stall):
                message = {"type": "http.response.body", "body": body, "more_body": more}
                await self._send(message)
            self.done = not more
        except TimeoutError:
            _log.info("stream_stalled", seconds=self._stall)
            raise ClientDisconnect from None


async def _serve(client: _Client, source: Source, left: "asyncio.Task[None]") -> None:
    while True:
        # Cleared before the look: what is rung during it must not be forgotten.
        source.rung.clear()
        frames = await source.take()
        if left.done():
            return
        if source.over:
            await client.take(frames, more=False)
            return
        if frames:
            await client.take(frames)
        elif not await _rings(source.rung):
            await client.take(_KEEP_ALIVE)


async def _rings(rung: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(KEEP_ALIVE_SECONDS):
            await rung.wait()
    return rung.is_set()


async def hang_up(receive: Receive, rung: asyncio.Event) -> None:
    """Wait for the client to leave, then ring; the request's body was read, or has none."""
    while (await receive())["type"] != "http.disconnect":
        pass
    rung.set()
