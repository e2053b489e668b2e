"""OpenAI's client as scenarios use it: the same words for the one that waits and the other."""

import asyncio
import threading
import time
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, Final, cast

from openai import AsyncOpenAI, OpenAI

from tests.conformance.servers import Conforming

_PATIENCE: Final = 40.0
_LOOK: Final = 0.1


class Real:
    """One of the two clients.

    Args:
        genq: Whom it calls.
        waits: The synchronous one.
    """

    def __init__(self, genq: Conforming, *, waits: bool) -> None:
        self.genq = genq
        self.waits = waits
        self._runner = asyncio.Runner()
        self._never = threading.Event()
        options: dict[str, Any] = {"base_url": genq.base_url, "api_key": genq.key}
        self.client: Any = OpenAI(**options) if waits else AsyncOpenAI(**options)

    def __call__(self, call: Callable[[Any], Any], **options: Any) -> Any:
        """Return what a call answers; ``options`` as ``with_options`` takes them."""
        client = self.client.with_options(**options) if options else self.client
        return call(client) if self.waits else self._runner.run(_awaited(call, client))

    def each(self, call: Callable[[Any], Any]) -> list[Any]:
        """Return every item of a stream, or of all pages."""
        if self.waits:
            return list(cast("Iterable[Any]", call(self.client)))
        return self._runner.run(_all(call, self.client))

    def until(self, call: Callable[[Any], Any], statuses: tuple[str, ...]) -> Any:
        """Return what a call answers, as soon as that has one of these statuses."""
        give_up = time.monotonic() + _PATIENCE
        while True:
            found = self(call)
            if found.status in statuses:
                return found
            assert time.monotonic() < give_up, found
            # sleeps: as OpenAI's own examples look again
            self._never.wait(_LOOK)

    def close(self) -> None:
        """Close every connection."""
        if self.waits:
            self.client.close()
        else:
            self._runner.run(self.client.close())
        self._runner.close()


async def _awaited(call: Callable[[Any], Any], client: Any) -> Any:
    return await call(client)


async def _all(call: Callable[[Any], Any], client: Any) -> list[Any]:
    found = call(client)
    if not hasattr(found, "__aiter__"):
        found = await found
    return [item async for item in cast("AsyncIterable[Any]", found)]
