"""What the doctor says: one finding, in words that end with what to do."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: Stable name of what was looked at.
        what: What was found, in one line.
        why: Why it matters; empty if all is well.
        action: What to do; empty if all is well.
        examples: The jobs, flows or lanes it was found at.
    """

    level: Level
    check: str
    what: str
    why: str = ""
    action: str = ""
    examples: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "level": self.level.value, "examples": list(self.examples)}


def fine(check: str, what: str) -> Finding:
    """Return a finding that needs nothing done."""
    return Finding(Level.OK, check, what)


def warning(
    check: str, what: str, why: str, action: str, examples: tuple[str, ...] = ()
) -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(Level.WARNING, check, what, why, action, examples)


def wrong(
    check: str, what: str, why: str, action: str, examples: tuple[str, ...] = ()
) -> Finding:
    """Return a finding that stops work or breaks a promise."""
    return Finding(Level.ERROR, check, what, why, action, examples)
