"""Server-sent events as a client reads them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

from tests.api.served import PATIENCE_SECONDS, Served


@dataclass(frozen=True)
class Event:
    """One event."""

    type: str
    id: str
    data: dict[str, Any]


class Stream:
    """An open stream; ``events`` holds what came so far."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.events: list[Event] = []
        self.comments = 0
        self.retry = 0
        self._lines: AsyncIterator[str] = response.aiter_lines()

    async def next(self) -> Event | None:
        """Return the next event, or ``None`` when the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments += 1
                elif name == "retry":
                    self.retry = int(value)
                elif line:
                    fields[name] = value
                elif fields:
                    event = Event(fields["event"], fields["id"], orjson.loads(fields["data"]))
                    self.events.append(event)
                    return event
        return None

    async def until(self, wanted: str) -> Event:
        """Return the next event of this type."""
        while True:
            event = await self.next()
            assert event is not None, f"ended without {wanted}: {self.events}"
            if event.type == wanted:
                return event

    async def rest(self) -> list[str]:
        """Read to the end; return the types of everything that came, positions left out."""
        while await self.next() is not None:
            pass
        return [event.type for event in self.events if event.type != "position"]


@asynccontextmanager
async def streaming(
    api: Served, path: str, headers: dict[str, str] | None = None
) -> AsyncGenerator[Stream]:
    """Open a stream; it is closed with the block."""
    async with api.http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        yield Stream(response)
