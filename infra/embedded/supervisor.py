"""Keeps a set of children alive, and stops them in order."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from infra.clock import Clock
from infra.embedded.footprints import Footprint
from infra.embedded.kept_child import KeptChild
from infra.embedded.launch import Launch, StopPhase
from infra.embedded.log_files import rotate


class Supervisor:
    """Starts children and starts them again when they die.

    Args:
        logs: The folder of one log per child.
        clock: Measures lives and starts.
        log: Where starts and deaths are noted.
        on_change: Called whenever a process was started.
    """

    def __init__(
        self,
        logs: Path,
        clock: Clock,
        log: FilteringBoundLogger,
        on_change: Callable[[], None],
    ) -> None:
        self._logs = logs
        self._clock = clock
        self._log = log
        self._on_change = on_change
        self._children: dict[str, KeptChild] = {}
        self._hurry = asyncio.Event()

    def footprints(self) -> Mapping[str, Footprint]:
        """Return the processes that run now, by name."""
        return {n: c.footprint for n, c in self._children.items() if c.footprint is not None}

    def load(self, launch: Launch) -> None:
        """Let a child load before its time; ``start`` then waits for what is left of it."""
        self._child(launch).load()

    async def start(self, launch: Launch, patience: float) -> float:
        """Start a child, wait until it is ready, keep it alive from now on.

        Returns:
            How long it took, in seconds.

        Raises:
            InternalError: It was not ready within ``patience`` seconds, or kept dying.
            SettingsError: It refused its settings.
        """
        took = await self._child(launch).start(patience)
        self._log.info("child_ready", child=launch.name, seconds=round(took, 2))
        return took

    def hurry(self) -> None:
        """Wait for nobody any more."""
        self._hurry.set()

    async def stop(self, phases: Sequence[StopPhase]) -> None:
        """Stop every child, in the order of ``phases``; those not named go last."""
        began = self._clock.monotonic()
        for phase in phases:
            for child in self._named(phase.ask):
                child.ask()
            waited_for = self._named(phase.wait_for)
            passed = self._clock.monotonic() - began
            await self._wait(waited_for, max(0.0, phase.until - passed))
            if phase.force:
                await self._force(waited_for)
        await self._force(list(self._children.values()))

    def _child(self, launch: Launch) -> KeptChild:
        """Return the child of this launch: that which loads already, or a new one."""
        child = self._children.get(launch.name)
        if child is None or not child.waits:
            log_file = self._logs / f"{launch.name}.log"
            rotate(log_file)
            child = KeptChild(launch, log_file, self._clock, self._log, self._on_change)
            self._children[launch.name] = child
        return child

    def _named(self, names: Iterable[str]) -> list[KeptChild]:
        return [self._children[name] for name in names if name in self._children]

    async def _wait(self, children: Sequence[KeptChild], seconds: float) -> None:
        if not children:
            return
        ended = asyncio.ensure_future(asyncio.gather(*(child.wait() for child in children)))
        hurried = asyncio.create_task(self._hurry.wait())
        await asyncio.wait(
            {ended, hurried}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in (ended, hurried):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _force(self, children: Sequence[KeptChild]) -> None:
        forced = await asyncio.gather(*(child.end() for child in children))
        for child, needed in zip(children, forced, strict=True):
            if needed:
                self._log.warning("child_stopped_by_force", child=child.launch.name)
