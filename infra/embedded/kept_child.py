"""One child that is kept alive: started, watched, started again, stopped."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from infra.clock import Clock
from infra.embedded.footprints import Footprint, footprint_of
from infra.embedded.launch import Launch
from infra.embedded.spawning import describe_end, failure, kill_group, let_go, spawn
from schemas.errors import InternalError

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 10.0
_HEALTHY_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05
_HARMLESS_DEATHS: Final = 4
_BAD_SETTINGS: Final = 8


def next_pause(pause: float, lived: float) -> float:
    """Return how long to wait before the next start, in seconds.

    Args:
        pause: What was waited before the life that ended, 0 at first.
        lived: How long that life was, in seconds.
    """
    if pause <= 0 or lived >= _HEALTHY_SECONDS:
        return _FIRST_PAUSE_SECONDS
    return min(pause * 2, _LONGEST_PAUSE_SECONDS)


class KeptChild:
    """Keeps one process alive until it is asked to end.

    Attributes:
        launch: What it is.
        footprint: The process that runs now, if one does.
        deaths: How often it has ended unasked.
    """

    def __init__(
        self,
        launch: Launch,
        log_file: Path,
        clock: Clock,
        log: FilteringBoundLogger,
        on_start: Callable[[], None],
    ) -> None:
        self.launch = launch
        self.footprint: Footprint | None = None
        self.deaths = 0
        self._log_file = log_file
        self._clock = clock
        self._log = log.bind(child=launch.name)
        self._on_start = on_start
        self._asked = asyncio.Event()
        self._wanted = False
        self._process: asyncio.subprocess.Process | None = None
        self._last_code: int | None = None
        self._obstacle = ""
        self._keeper: asyncio.Task[None] | None = None

    @property
    def waits(self) -> bool:
        """Whether ``start`` is still to come."""
        return not self._wanted

    def load(self) -> None:
        """Let it load before its time, if it can, and wait for ``start``."""
        if self.launch.ahead is not None and self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    async def start(self, patience: float) -> float:
        """Start it and wait until it is ready; return how long that took, in seconds.

        Raises:
            InternalError: It did not become ready within ``patience`` seconds, or kept dying.
            SettingsError: It refused its settings.
        """
        began = self._clock.monotonic()
        self._wanted = True
        if self._process is not None:
            let_go(self._process)
        self._keeper = self._keeper or asyncio.create_task(self._keep())
        missing = "not started"
        try:
            async with asyncio.timeout(patience):
                while missing:
                    if self._obstacle:
                        raise InternalError(f"{self.launch.name} {self._obstacle}")
                    if self.deaths > _HARMLESS_DEATHS or self._last_code == _BAD_SETTINGS:
                        raise self._failure("does not stay alive")
                    await asyncio.sleep(_LOOK_SECONDS)
                    missing = await self._look()
        except TimeoutError:
            what = f"was not ready after {patience:.0f} s: {missing}"
            raise self._failure(what) from None
        return self._clock.monotonic() - began

    def ask(self) -> None:
        """Ask it to finish; it is not started again."""
        if not self._asked.is_set():
            self._asked.set()
            self._signal(self.launch.stop_signal)

    async def wait(self) -> None:
        """Wait until it has ended after it was asked to."""
        if self._keeper is not None:
            # Unlike awaiting it, this can be given up without ending it.
            await asyncio.wait([self._keeper])

    async def end(self) -> bool:
        """End it by force; tell whether that was needed."""
        self.ask()
        if self._keeper is None or self._keeper.done():
            return False
        for number, seconds in ((self.launch.last_signal, 1.0), (signal.SIGKILL, 5.0)):
            if self._process is None:
                break
            if number == signal.SIGKILL:
                kill_group(self._process.pid)
            self._signal(number)
            await asyncio.wait([self._keeper], timeout=seconds)
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        return True

    async def _keep(self) -> None:
        pause = 0.0
        while not self._asked.is_set():
            began = self._clock.monotonic()
            end = await self._live()
            if self._asked.is_set():
                return
            lived = self._clock.monotonic() - began
            pause = next_pause(pause, lived)
            self.deaths += 1
            self._log.error("child_died", end=end, lived=round(lived, 1), again_in=pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._asked.wait()

    async def _live(self) -> str:
        """Run one life and return how it ended."""
        try:
            if self.launch.prepare is not None:
                await self.launch.prepare()
            if self._asked.is_set():
                return "not started"
            ahead = not self._wanted
            self._process = await spawn(self.launch, self._log_file, ahead=ahead)
        except OSError as error:
            self._obstacle = f"cannot be started: {error}"
            return self._obstacle
        self._obstacle = ""
        if self._wanted:
            let_go(self._process)
        self.footprint = footprint_of(self._process.pid)
        if self._asked.is_set():
            self._signal(self.launch.stop_signal)
        self._log.info("child_started", pid=self._process.pid)
        self._on_start()
        self._last_code = await self._process.wait()
        self._process = self.footprint = None
        return describe_end(self._last_code)

    async def _look(self) -> str:
        process = self._process
        if process is None:
            code = self._last_code
            return "not started yet" if code is None else f"it ended ({describe_end(code)})"
        missing = await self.launch.ready(process.pid)
        # Another program may have answered in its place while it died.
        return missing or ("" if self._process is process else "it ended")

    def _failure(self, what: str) -> Exception:
        return failure(self.launch.name, what, self._last_code, self._log_file)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)
