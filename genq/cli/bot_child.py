"""A process that says in one line of JSON that it is ready, and is stopped again."""

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from genq.cli.processes import python_command
from genq.errors import GenqError

_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 5
_LOG_CHARACTERS: Final = 2000


class ChildFailedError(GenqError):
    """A process did not start."""


class Child:
    """One of our modules as a process.

    Args:
        module: Such as ``infra.simulator``.
        arguments: Its own.
        log: Takes what it writes to standard error.

    Raises:
        OSError: It cannot be started at all.
    """

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        self._module: Final = module
        self._log: Final = log
        with log.open("w") as written:
            self._process: Final = subprocess.Popen(  # noqa: S603 - our own module
                python_command(module, arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=written,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_until_ready(self) -> dict[str, Any]:
        """Return what it says when it is ready.

        Raises:
            ChildFailedError: It ended, or was not ready in time.
        """
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        output = self._process.stdout
        if output is not None:
            threading.Thread(target=_first_line, args=(output, lines), daemon=True).start()
        try:
            line = lines.get(timeout=_START_SECONDS)
        except queue.Empty:
            line = ""
        if not line:
            said = self._log.read_text(errors="replace").strip()[-_LOG_CHARACTERS:]
            raise ChildFailedError(f"{self._module} did not start: {said}")
        return json.loads(line)

    def stop(self) -> None:
        """Stop it; returns when it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _first_line(output: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    lines.put(output.readline())
