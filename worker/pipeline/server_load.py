"""How busy each model server is, as far as this process keeps it busy."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from infra.telemetry.metrics import PROVIDER_INFLIGHT
from schemas.model_catalog import ModelServer

Choose = Callable[[Sequence[ModelServer]], ModelServer]
_FIRST: Final = 0


class ServerLoad:
    """The places of every server: as many as its ``concurrency``.

    A call that finds no place waits for all servers that may do it at once, and gets the first
    place that falls free, in order of arrival: no server idles while calls wait for another.
    """

    def __init__(self, servers: Sequence[ModelServer]) -> None:
        self._servers = {server.name: server for server in servers}
        self._calls = dict.fromkeys(self._servers, 0)
        # A dict keeps the order of arrival, and forgets from the middle at no cost.
        self._waiting: dict[str, dict[asyncio.Future[str | None], None]] = {
            name: {} for name in self._servers
        }
        for server in servers:
            # Read when somebody looks: a call pays nothing for it.
            PROVIDER_INFLIGHT.labels(server.name).set_function(partial(self.calls, server))

    def calls(self, server: ModelServer) -> int:
        """Return how many calls hold a place now."""
        return self._calls[server.name]

    def share(self, server: ModelServer) -> float:
        """Return how much of the server's places is in use, from 0 to 1."""
        return self.calls(server) / server.concurrency

    async def take(self, servers: Sequence[ModelServer], choose: Choose) -> ModelServer | None:
        """Take a place, which is to be given back by ``leave``; return whose it is.

        ``None``, if while it waited something changed about who may be asked: look again.

        Args:
            servers: Any of them will do.
            choose: Called if several have a free place now.
        """
        free = [one for one in servers if self._calls[one.name] < one.concurrency]
        if free:
            server = choose(free) if len(free) > 1 else free[_FIRST]
            self._calls[server.name] += 1
            return server
        place: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        for one in servers:
            self._waiting[one.name][place] = None
        try:
            name = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and (name := place.result()) is not None:
                # It was given a place in the very moment.
                self.leave(self._servers[name])
            raise
        finally:
            for one in servers:
                self._waiting[one.name].pop(place, None)
        return next((one for one in servers if one.name == name), None)

    def shake(self) -> None:
        """Let every call that waits look again: other servers may be right for it now."""
        for waiting in self._waiting.values():
            for place in waiting:
                if not place.done():
                    place.set_result(None)

    def leave(self, server: ModelServer) -> None:
        """Give a place back: to the call that has waited longest for it, if one waits."""
        for place in self._waiting[server.name]:
            if not place.done():
                place.set_result(server.name)
                return
        self._calls[server.name] -= 1
