"""Numbers with names: what every measurement hands to the report."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.cpu import Usage
from tests.bench.orders import LoadRun


@dataclass(frozen=True, slots=True)
class Figure:
    """One number as it is shown; ``digits`` behind the point."""

    label: str
    value: float
    unit: str = ""
    digits: int = 1


@dataclass(slots=True)
class Measured:
    """One measurement.

    Attributes:
        title: What was done, in words.
        figures: By a name that the budget and the JSON use.
        cpu: Numbers per process, with the unit they are in.
        cpu_unit: ``ms per job`` or ``% of a core``.
        notes: What a reader must know besides.
        faults: What broke a promise; with one of these the bench fails.
        yardstick_ms: CPU time of a fixed piece of work meanwhile.
    """

    title: str
    figures: dict[str, Figure] = field(default_factory=dict[str, Figure])
    cpu: dict[str, float] = field(default_factory=dict[str, float])
    cpu_unit: str = ""
    notes: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])
    yardstick_ms: float = 0.0

    def add(
        self, name: str, label: str, value: float, unit: str = "", *, digits: int = 1
    ) -> None:
        """Add a figure."""
        self.figures[name] = Figure(label, value, unit, digits)

    def add_percentiles(self, name: str, label: str, seconds: Sequence[float]) -> None:
        """Add the median and the 99th percentile, in milliseconds."""
        for percent in (50, 99):
            value = percentile(seconds, percent) * 1000
            self.add(f"{name}_p{percent}", f"{label} p{percent}", value, "ms")

    def add_cpu(self, usage: Usage, jobs: int) -> None:
        """Add what each process used per job, and what the machine did besides."""
        self.cpu = {name: 1000 * used / jobs for name, used in usage.processes.items()}
        self.cpu_unit = "ms per job"
        self.add("cpu_ms", "CPU per job, all processes", sum(self.cpu.values()), "ms", digits=2)
        self.add("cores", "cores used by genq and bench", usage.total / usage.wall, digits=2)

    def note_surroundings(self, usage: Usage, yardstick_ms: float) -> None:
        """Note how long it took, who else had the machine, and how fast it was."""
        self.yardstick_ms = yardstick_ms
        others, stolen = usage.others / usage.wall, usage.stolen / usage.wall
        self.notes.append(
            f"{usage.wall:.0f} s in all; meanwhile other programs had {others:.2f} cores, "
            f"other machines {stolen:.2f}; yardstick {yardstick_ms:.2f} ms"
        )

    def judge(self, run: LoadRun) -> None:
        """Note what broke a promise, the first few of it."""
        faults = run.faults()
        self.faults += faults[:5]
        if len(faults) > 5:
            self.faults.append(f"and {len(faults) - 5} more")


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of the values do not exceed; 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
