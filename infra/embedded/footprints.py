"""Which process a pid means: pids are given again to strangers, births are not."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_BOOT: Final = _PROC / "sys/kernel/random/boot_id"
# Of /proc/PID/stat, counted after the command's name, which may hold anything.
_STATE, _BIRTH = 0, 19
_DEAD_STATES: Final = frozenset({"Z", "X"})
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Footprint:
    """A process that once ran: it is alive if its pid still has this birth."""

    pid: int
    birth: str

    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        return birth_of(self.pid) == self.birth


def footprint_of(pid: int) -> Footprint | None:
    """Return what identifies the process that has this pid now."""
    birth = birth_of(pid)
    return None if birth is None else Footprint(pid, birth)


def own_footprint() -> Footprint:
    """Return what identifies this process."""
    return Footprint(os.getpid(), birth_of(os.getpid()) or "")


def birth_of(pid: int) -> str | None:
    """Return when the process was born, in the kernel's own terms; ``None`` if it is dead."""
    if not _BOOT.exists():
        return _birth_by_ps(pid)
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    if fields[_STATE] in _DEAD_STATES:
        return None
    # Ticks since boot alone would be found again after a restart of the machine.
    return f"{_BOOT.read_text().strip()}/{fields[_BIRTH]}"


def works_in(pid: int, program: str, folder: Path) -> bool:
    """Tell whether the process runs ``program`` with ``folder`` as its working folder."""
    if not _BOOT.exists():
        return program in _ps(pid, "command") and str(folder) in _ps(pid, "command")
    try:
        running = (_PROC / str(pid) / "comm").read_text().strip()
        return running == program and (_PROC / str(pid) / "cwd").samefile(folder)
    except OSError:
        return False


async def end(footprint: Footprint, steps: Sequence[tuple[signal.Signals, float]]) -> bool:
    """Signal a process, ever harder, until it is gone. A stranger is never signalled.

    Args:
        footprint: Who.
        steps: Each signal, and the seconds to wait after it.

    Returns:
        Whether it is gone.
    """
    for number, seconds in steps:
        if not footprint.alive():
            return True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(footprint.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while footprint.alive():  # noqa: ASYNC110 - not our child: nothing announces its end
                    await asyncio.sleep(_LOOK_SECONDS)
    return not footprint.alive()


def _birth_by_ps(pid: int) -> str | None:
    if _ps(pid, "stat")[:1] in {"", *_DEAD_STATES}:
        return None
    return _ps(pid, "lstart") or None


def _ps(pid: int, column: str) -> str:
    command = ["/bin/ps", "-o", f"{column}=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed program, and a number
    return found.stdout.strip()
