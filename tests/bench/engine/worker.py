"""``python -P -m tests.bench.engine.worker``: a worker whose pipeline has no stages."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from infra.doorbells import READY, WAKE, Doorbells
from infra.postgres.engine import create_engine
from infra.settings import Settings, read_settings
from infra.telemetry.logging import configure_logging
from schemas.claim import Pointer
from worker.attempts import AttemptRunner
from worker.process import work
from worker.session import SessionKeeper


class EmptyService:
    """Starts and finishes attempts, and does nothing between."""

    def __init__(self, settings: Settings) -> None:
        self.slots = settings.slots
        self.drain_seconds = settings.drain_grace.total_seconds()
        self._settings = settings
        self._closing = AsyncExitStack()
        self._runner: AttemptRunner | None = None

    async def start(self) -> None:
        """Open what starts and ends need."""
        engine = create_engine(self._settings, process="work")
        self._closing.push_async_callback(engine.dispose)
        starting = create_engine(self._settings, process="work starts", durable=False)
        self._closing.push_async_callback(starting.dispose)
        bells = Doorbells(self._settings.doorbell_url())
        doorbells = await self._closing.enter_async_context(bells)
        session = SessionKeeper(
            engine,
            self._settings,
            lanes=self._settings.lanes,
            on_lost=lambda: None,
            orphans=lambda _: [],
            on_cancelled=lambda _: None,
        )
        self._runner = AttemptRunner(
            engine, self._settings, doorbells, session, (), starting=starting
        )
        await session.start()
        self._closing.push_async_callback(session.close)
        self._closing.push_async_callback(self._runner.close)
        await doorbells.ring(WAKE, READY)

    async def run(self, pointers: Sequence[Pointer], ended: Callable[[], None]) -> None:
        """Start and finish."""
        if self._runner is not None:
            await self._runner.run(pointers, ended)

    async def drain(self) -> None:
        """Take nothing new."""
        if self._runner is not None:
            await self._runner.drain()

    async def stop(self) -> None:
        """Close everything."""
        await self._closing.aclose()


def main() -> int:
    """Read the settings and work."""
    settings = read_settings()
    configure_logging(settings, process="work")
    return work(settings, EmptyService(settings))


if __name__ == "__main__":
    sys.exit(main())
