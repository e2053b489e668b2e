"""Start `genq up` in a folder of its own, wait until it is ready, and stop it again."""

import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from genq.cli.profile import Profile, load_profile
from genq.errors import GenqError

# Servers from wheels start in a few seconds; a slow disk or a cold cache may need many more.
READY_SECONDS: Final = 90
STOP_SECONDS: Final = 15
_LOG_LINES: Final = 20


class StackFailedError(GenqError):
    """The servers did not start, or died; the message ends with their last log lines."""


class Stack:
    """`genq up` as a child process; entering waits until it is ready.

    Attributes:
        ready: Where it is and how to speak to it, once entered.
        log: All that it wrote.
    """

    ready: Profile

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        profile: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Remember what to start.

        Args:
            folder: Takes the log; it must exist.
            command: The command line of `genq up --json --profile-file PROFILE`.
            profile: The file that it writes when it is ready.
            environment: The whole of it; that of this process unless told.
        """
        self.log = folder / "genq-up.log"
        self._command = list(command)
        self._profile = profile
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start everything.

        Raises:
            StackFailedError: It was not ready in time, or gave up.
        """
        with self.log.open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command line of `genq up`
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self._environment,
            )
        try:
            self.ready = self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop everything; returns when it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def failure(self, what: str) -> StackFailedError:
        """Return an error that says ``what``, where the log is, and its last lines."""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        shown = "".join(f"\n  {line}" for line in lines)
        return StackFailedError(f"{what}; the log is {self.log}, its last lines:{shown}")

    def _wait_until_ready(self, process: "subprocess.Popen[str]") -> Profile:
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        output = process.stdout
        if output is None:
            raise self.failure("`genq up` has no output")
        threading.Thread(target=_read_into, args=(output, lines), daemon=True).start()
        try:
            line = lines.get(timeout=READY_SECONDS)
        except queue.Empty:
            raise self.failure(f"`genq up` was not ready after {READY_SECONDS} s") from None
        if not line:
            code = process.wait(STOP_SECONDS)
            raise self.failure(f"`genq up` ended with exit code {code} before it was ready")
        # The line has no signing secret: it may end up in a log. The profile is private.
        ready = load_profile(self._profile)
        if not (ready.url and ready.api_key and ready.webhook_secret):
            raise self.failure(f"`genq up` is ready and has not written {self._profile}")
        return ready


def _read_into(output: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    # An empty line tells the end; the pipe is emptied so that the child never blocks on it.
    for line in output:
        lines.put(line)
    lines.put("")
