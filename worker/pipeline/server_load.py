"""How busy each model server is, as far as this process keeps it busy."""

from asyncio import Semaphore
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from infra.telemetry.metrics import PROVIDER_INFLIGHT
from schemas.model_catalog import ModelServer


class ServerLoad:
    """Counts calls per server, and holds back those above its ``concurrency``."""

    def __init__(self, servers: Sequence[ModelServer]) -> None:
        self._gates = {server.name: Semaphore(server.concurrency) for server in servers}
        self._calls = {server.name: 0 for server in servers}
        for server in servers:
            # Read when somebody looks: a call pays nothing for it.
            PROVIDER_INFLIGHT.labels(server.name).set_function(partial(self.calls, server))

    def calls(self, server: ModelServer) -> int:
        """Return how many calls run or wait now."""
        return self._calls[server.name]

    def share(self, server: ModelServer) -> float:
        """Return how much of the server's places is in use; above 1 while calls wait."""
        return self.calls(server) / server.concurrency

    @asynccontextmanager
    async def call(self, server: ModelServer) -> AsyncGenerator[None]:
        """Hold one place at ``server``, after waiting for it in order of arrival."""
        self._calls[server.name] += 1
        try:
            async with self._gates[server.name]:
                yield
        finally:
            self._calls[server.name] -= 1
