"""CPU time per process: differences of what the kernel has counted, never samples."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psutil

# Guests are counted in user already; stolen time is nobody's here.
_NOT_WORK: Final = frozenset({"idle", "iowait", "guest", "guest_nice", "steal"})


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds so far, by process, and of the whole machine."""

    at: float
    processes: Mapping[str, float]
    machine: float
    stolen: float


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds between two readings.

    Attributes:
        wall: Seconds between them.
        processes: CPU seconds by process.
        others: CPU seconds of everything on the machine that is not ours.
        stolen: CPU seconds that the host gave to other machines.
    """

    wall: float
    processes: Mapping[str, float]
    others: float
    stolen: float

    @property
    def total(self) -> float:
        """CPU seconds of all of our processes."""
        return sum(self.processes.values())

    def shares(self) -> dict[str, float]:
        """Return the percent of one core, by process."""
        return {name: 100 * seconds / self.wall for name, seconds in self.processes.items()}


class CpuMeter:
    """Reads the CPU times of named processes, their children and former children included.

    A process whose children have names of their own is counted without them.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._roots = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._named = frozenset(pids.values())

    def read(self) -> Reading:
        """Return the counts of now.

        Raises:
            RuntimeError: One of the processes has died.
        """
        processes = {name: self._of_tree(name, root) for name, root in self._roots.items()}
        machine = psutil.cpu_times()._asdict()
        worked = sum(spent for field, spent in machine.items() if field not in _NOT_WORK)
        return Reading(time.monotonic(), processes, worked, machine.get("steal", 0.0))

    def _of_tree(self, name: str, root: psutil.Process) -> float:
        try:
            children = root.children()
            if any(child.pid in self._named for child in children):
                return _of(root)
            seconds = _of(root)
            for child in root.children(recursive=True):
                # One that has just ended is in its parent's seconds, now or next time.
                with contextlib.suppress(psutil.NoSuchProcess):
                    seconds += _of(child)
        except psutil.NoSuchProcess:
            raise RuntimeError(f"{name} died during the benchmark") from None
        return seconds

    def resident_megabytes(self, name: str) -> float:
        """Return the resident memory of one process."""
        return float(self._roots[name].memory_info().rss) / 1e6


def between(before: Reading, after: Reading) -> Usage:
    """Return what was used from one reading to another."""
    used = {name: after.processes[name] - before.processes[name] for name in after.processes}
    machine = after.machine - before.machine
    others = max(0.0, machine - sum(used.values()))
    return Usage(after.at - before.at, used, others, after.stolen - before.stolen)


def _of(process: psutil.Process) -> float:
    times = process.cpu_times()
    # The children_ fields count children that have ended and were waited for.
    return float(times.user + times.system + times.children_user + times.children_system)
