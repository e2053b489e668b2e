"""genq's own processes under supervision: killed, frozen, and started again."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from infra.settings import PREFIX

_ROOT: Final = Path(__file__).parents[2]
_RESTART_SECONDS: Final = 0.2
_END_SECONDS: Final = 20.0
# A process that ends by itself again and again is broken, whatever else goes on.
_ENDS: Final = 8
# A worker says so, and ends, when PostgreSQL is away while it starts.
_CANNOT_START: Final = 1
_STARTING_SECONDS: Final = 15.0
# What a worker says of itself whose loop stood still for a session's life: see worker.app.
_STUCK: Final = 70


class Member:
    """One process and its successors under the same name."""

    def __init__(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.starts = 0
        self.unexpected: list[str] = []
        self._command = command
        self._environment = environment
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._asked = False
        self._frozen = False
        self._was_frozen = False
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start it, and start it again whenever it ends."""
        self._keeper = asyncio.create_task(self._keep())

    @property
    def pid(self) -> int | None:
        """The pid of the process that runs now."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    def tell(self, number: signal.Signals) -> bool:
        """Send a signal that ends it; a frozen one is left alone."""
        if self.pid is None or self._frozen:
            return False
        self._asked = True
        os.kill(self.pid, number)
        return True

    async def freeze(self, seconds: float) -> None:
        """Stop it in its tracks, and let it go on after a while."""
        pid = self.pid
        if pid is None or self._frozen:
            return
        self._frozen = self._was_frozen = True
        try:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
        finally:
            self._frozen = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def close(self) -> None:
        """End it for good, by force if it does not listen."""
        self._closing = True
        for number in (signal.SIGCONT, signal.SIGTERM):
            if self.pid is not None:
                os.kill(self.pid, number)
        if self._keeper is None:
            return
        try:
            async with asyncio.timeout(_END_SECONDS):
                await asyncio.shield(self._keeper)
        except TimeoutError:
            self.unexpected.append(f"{self.name}: had to be killed at the end")
            if self.pid is not None:
                os.kill(self.pid, signal.SIGKILL)
            await self._keeper

    async def _keep(self) -> None:
        while not self._closing:
            self.starts += 1
            self._asked = self._was_frozen = False
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", *self._command),
                    env=self._environment,
                    cwd=self._folder,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # A Ctrl-C is for the driver, which ends its processes in order.
                    start_new_session=True,
                )
            began = asyncio.get_running_loop().time()
            code = await self._process.wait()
            lived = asyncio.get_running_loop().time() - began
            if not self._may_end(code, lived):
                self.unexpected.append(f"{self.name}: ended by itself, exit code {code}")
            if not self._closing:
                await asyncio.sleep(_RESTART_SECONDS * (1 + len(self.unexpected)))

    def _may_end(self, code: int, lived: float) -> bool:
        if self._asked or self._closing or (code == _STUCK and self._was_frozen):
            return True
        could_not = self.name.startswith("work") and code == _CANNOT_START
        return could_not and lived < _STARTING_SECONDS


class Fleet:
    """All of them, by kind: api, dispatch, work, deliver."""

    def __init__(self, folder: Path, environment: Mapping[str, str], api_port: int) -> None:
        commands = {
            "api": ("-m", "producer.api", "--port", str(api_port)),
            "dispatch": ("-m", "producer.dispatcher"),
            "work": ("-m", "worker"),
            "deliver": ("-m", "worker.delivery"),
        }
        counts = {"api": 1, "dispatch": 2, "work": 2, "deliver": 2}
        whole = {**_own_environment(), "PYTHONPATH": str(_ROOT), **environment}
        self.members = {
            kind: [
                Member(f"{kind}-{number}", commands[kind], whole, folder)
                for number in range(count)
            ]
            for kind, count in counts.items()
        }

    def everyone(self) -> list[Member]:
        """Return every member."""
        return [member for members in self.members.values() for member in members]

    def begin(self) -> None:
        """Start everything."""
        for member in self.everyone():
            member.begin()

    async def close(self) -> None:
        """End everything."""
        await asyncio.gather(*(member.close() for member in self.everyone()))

    def unexpected(self) -> list[str]:
        """Return which ends nobody had asked for."""
        ends = Counter(line for member in self.everyone() for line in member.unexpected)
        return [f"{end} ({times} times)" for end, times in ends.items()]

    def broken(self) -> bool:
        """Tell whether a process cannot live: nothing would ever drain."""
        return any(len(member.unexpected) > _ENDS for member in self.everyone())

    def events_logged(self, read: Callable[[bytes], str | None]) -> Counter[str]:
        """Count the lines of all logs by what ``read`` makes of them."""
        found: Counter[str] = Counter()
        for member in self.everyone():
            for line in member.log.read_bytes().splitlines():
                event = read(line)
                if event is not None:
                    found[event] += 1
        return found


def _own_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}  # noqa: TID251 - the environment of a child
