"""What the doctor prints: lines as they come, coloured in a terminal; or one JSON object."""

import sys
from collections import Counter
from typing import Any, Final

import orjson
from rich.console import Console
from rich.text import Text

from producer.doctor.finding import Finding, Level

_STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}
_WIDTH: Final = 7
_INDENT: Final = " " * (_WIDTH + 2)


class Report:
    """Collects and prints findings.

    Attributes:
        counts: How many findings of each level there were.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.counts: Counter[Level] = Counter()
        self._as_json = as_json
        self._findings: list[Finding] = []
        # rich leaves colours out where there is no terminal, and heeds NO_COLOR.
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)

    def add(self, finding: Finding) -> None:
        """Take a finding; people see it at once."""
        self.counts[finding.level] += 1
        self._findings.append(finding)
        if not self._as_json:
            self._show(finding)

    def close(self, **more: Any) -> None:
        """Print the sum of it; ``more`` is for programs alone."""
        if self._as_json:
            told = {
                "ok": not self.counts[Level.ERROR],
                "counts": {level.value: self.counts[level] for level in Level},
                "findings": [finding.facts() for finding in self._findings],
                **more,
            }
            sys.stdout.write(f"{orjson.dumps(told).decode()}\n")
            return
        counts = ", ".join(_count(self.counts[level], level) for level in Level)
        self._console.print(Text(counts, style="bold"))

    def _show(self, finding: Finding) -> None:
        level = (finding.level.value.ljust(_WIDTH), _STYLES[finding.level])
        head = Text.assemble(level, f"  {finding.check}: {finding.what}")
        self._console.print(head)
        for label, words in (("why", finding.why), ("do", finding.action)):
            if words:
                self._console.print(Text(f"{_INDENT}{label}: {words}"))
        for example in finding.examples:
            self._console.print(Text(f"{_INDENT}- {example}", style="dim"))


def _count(number: int, level: Level) -> str:
    plural = "" if number == 1 or level is Level.OK else "s"
    return f"{number} {level.value}{plural}"
