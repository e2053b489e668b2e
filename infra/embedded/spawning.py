"""How a child comes to life: with a session and a log of its own, tied to the supervisor."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from infra.embedded.launch import Launch
from infra.embedded.log_files import last_lines, open_log
from schemas.errors import InternalError, SettingsError

_BAD_SETTINGS: Final = 8
_SHOWN_LINES: Final = 15
_SET_PARENT_DEATH_SIGNAL: Final = 1
_C: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


async def spawn(
    launch: Launch, log_file: Path, *, ahead: bool = False
) -> asyncio.subprocess.Process:
    """Start a child that writes to ``log_file``.

    Args:
        launch: What it is.
        log_file: Is appended to.
        ahead: Whether it only loads until ``let_go``.

    Raises:
        OSError: The program or the log cannot be opened.
    """
    run_as = launch.run_as
    command = launch.ahead if ahead and launch.ahead else launch.command
    with open_log(log_file) as log:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if ahead else asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            env=launch.environment,
            cwd=launch.folder,
            # A Ctrl-C in the terminal is for the supervisor, who knows the order of stopping.
            start_new_session=True,
            preexec_fn=_tied_to_us(launch.orphan_signal),
            user=run_as.uid if run_as else None,
            group=run_as.gid if run_as else None,
            extra_groups=[] if run_as else None,
        )


def let_go(process: asyncio.subprocess.Process) -> None:
    """Have a child that was started ahead do its work; nothing if it does already."""
    if process.stdin is not None and not process.stdin.is_closing():
        process.stdin.write(b"\n")
        process.stdin.close()


async def run_to_end(
    launch: Launch,
    log_file: Path,
    patience: float,
    after: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Run a program that ends by itself.

    Args:
        launch: What it is.
        log_file: Is appended to.
        patience: How long it may take, in seconds, of its own.
        after: What it waits for, with its program loaded.

    Raises:
        SettingsError: It refused its settings.
        InternalError: It failed, could not be started, or took more than ``patience`` seconds.
    """
    try:
        process = await spawn(launch, log_file, ahead=after is not None)
    except OSError as error:
        raise InternalError(f"{launch.name} cannot be started: {error}") from None
    try:
        if after is not None:
            await after()
            let_go(process)
        async with asyncio.timeout(patience):
            code = await process.wait()
    except TimeoutError:
        what = f"did not end within {patience:.0f} s"
        raise failure(launch.name, what, None, log_file) from None
    finally:
        if process.returncode is None:
            kill_group(process.pid)
            await process.wait()
    if code != 0:
        raise failure(launch.name, f"failed ({describe_end(code)})", code, log_file)


def failure(
    name: str, what: str, code: int | None, log_file: Path
) -> InternalError | SettingsError:
    """Return the error that says which child failed, and how its log ends."""
    shown = last_lines(log_file, _SHOWN_LINES)
    quoted = "\n".join(f"  | {line}" for line in shown) or "  | (its log is empty)"
    message = f"{name} {what}. Its log, {log_file}, ends:\n{quoted}"
    return SettingsError(message) if code == _BAD_SETTINGS else InternalError(message)


def describe_end(code: int) -> str:
    """Put the end of a process into words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def kill_group(pid: int) -> None:
    """End a child and whatever it started, at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _tied_to_us(number: signal.Signals) -> Callable[[], None]:
    """Return what a child does before it becomes its program.

    Runs after the change of user, which would undo it. Where the kernel has no such signal, the
    next start finds what is left over.
    """
    parent = os.getpid()

    def tie() -> None:
        if _C is not None:
            _C.prctl(_SET_PARENT_DEATH_SIGNAL, int(number))
            if os.getppid() != parent:
                os._exit(1)

    return tie
