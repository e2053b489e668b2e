"""What to start, as data: the supervisor knows nothing about the programs it keeps alive."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Looks once at the process with the pid it is given. Returns an empty text if the process does
# its work, else what is missing.
Probe = Callable[[int], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class RunAs:
    """The system user that a child runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Launch:
    """One child process.

    Attributes:
        name: How logs, states and people call it.
        command: Program and arguments.
        environment: The whole of it; nothing is inherited.
        ready: Whether it does its work yet.
        folder: Its working folder; the supervisor's if not given.
        run_as: Its user; the supervisor's if not given.
        stop_signal: Asks it to finish.
        last_signal: Makes it end at once, before SIGKILL.
        orphan_signal: Sent by the kernel when the supervisor dies.
        prepare: Awaited before every start.
        ahead: Another command, for a first start before its time: it loads the program, and
            runs it once a line comes on standard input.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Probe
    folder: Path | None = None
    run_as: RunAs | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    last_signal: signal.Signals = signal.SIGKILL
    orphan_signal: signal.Signals = signal.SIGKILL
    prepare: Callable[[], Awaitable[None]] | None = None
    ahead: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class StopPhase:
    """A step of stopping.

    Attributes:
        ask: Who is asked to finish now.
        wait_for: Who should have ended before the next step.
        until: When the waiting ends, in seconds since stopping began: a slow step takes its
            time from those after it, so that the whole stays within its limit.
        force: Whether they are then ended by force.
    """

    ask: tuple[str, ...]
    wait_for: tuple[str, ...]
    until: float
    force: bool = True


async def always_ready(pid: int) -> str:
    """Look at nothing: that the process runs is enough."""
    del pid
    return ""
