"""What is printed: data on stdout, all else on stderr, colour only in a terminal."""

import json
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import typer

from genq.cli import environment
from genq.models import Job

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

# Of the command that runs; there is one in a process.
_MANNERS: Final = {"quiet": False}
# Between two columns; and the narrowest that a shortened column is worth showing.
_GAP: Final = 2
_LEAST: Final = 8


def print_data(text: str) -> None:
    """Write one piece of data to stdout, at once; a terminal gets no control characters."""
    shown = _printable(text) if sys.stdout.isatty() else text
    sys.stdout.write(f"{shown}\n")
    sys.stdout.flush()


def print_json(found: object) -> None:
    """Write one JSON value in one line to stdout, at once."""
    print_data(json.dumps(found, ensure_ascii=False, separators=(",", ":")))


def behave(*, quiet: bool, no_color: bool) -> None:
    """Heed the flags that every command has."""
    _MANNERS["quiet"] = quiet
    if no_color:
        environment.forbid_colour()


def is_quiet() -> bool:
    """Return whether remarks are left out."""
    return _MANNERS["quiet"]


def tell(text: str) -> None:
    """Write a remark to stderr, unless --quiet."""
    if not is_quiet():
        complain(text)


def count_of(number: int, noun: str) -> str:
    """Return such as ``1 job`` or ``3 jobs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person whether something that cannot be undone is meant.

    Raises:
        typer.BadParameter: There is nobody to ask, and --yes was not given.
        typer.Exit: The answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} Say so: --yes.", param_hint="--yes")
    sys.stderr.write(f"{_printable(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        complain("nothing was done")
        raise typer.Exit(1)


def complain(text: str) -> None:
    """Write an error to stderr; a terminal gets no control characters."""
    shown = _printable(text) if sys.stderr.isatty() else text
    sys.stderr.write(f"{shown}\n")
    sys.stderr.flush()


def moving_console() -> "Console | None":
    """Return a rich console on stderr if that is a terminal that can redraw a line."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console  # noqa: PLC0415 - only in a terminal

    # Rich itself heeds NO_COLOR, and knows a TERM that cannot move its cursor.
    console = Console(stderr=True, highlight=False)
    return console if console.is_interactive else None


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str] = ()
) -> None:
    """Write rows to stdout: a coloured table in a terminal, aligned plain columns elsewhere.

    Args:
        headings: One a column.
        rows: Their cells.
        spare: Headings of the columns that a narrow terminal shortens or leaves out, the least
            missed first. All others, such as ids, are always whole.
    """
    if sys.stdout.isatty():
        _draw_table(headings, rows, spare)
        return
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print_data("  ".join(cells).rstrip())


def _draw_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str]
) -> None:
    from rich.cells import cell_len  # noqa: PLC0415 - only in a terminal
    from rich.console import Console  # noqa: PLC0415 - only in a terminal
    from rich.table import Table  # noqa: PLC0415 - only in a terminal
    from rich.text import Text  # noqa: PLC0415 - only in a terminal

    # What people wrote into their jobs is neither rich's markup nor ours to obey.
    cells = [[Text(_printable(cell)) for cell in row] for row in rows]
    natural = {
        heading: max([cell_len(heading), *(row[column].cell_len for row in cells)])
        for column, heading in enumerate(headings)
    }
    console = Console(highlight=False)
    widths = fitting(natural, spare, console.width)
    # Too narrow even so: the terminal itself breaks lines, and nothing is cut.
    console = Console(
        highlight=False, width=max(console.width, sum(widths.values()) + _GAP * len(widths))
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading, width in widths.items():
        table.add_column(heading, no_wrap=True, overflow="ellipsis", width=width)
    for row in cells:
        table.add_row(*(row[headings.index(heading)] for heading in widths))
    console.print(table, soft_wrap=True)


def fitting(natural: Mapping[str, int], spare: Sequence[str], room: int) -> dict[str, int]:
    """Return the width of each column that is shown.

    Args:
        natural: The width that each column would like, by heading.
        spare: Columns that are shortened, or else left out, one after the other.
        room: Width of the terminal.
    """
    widths = dict(natural)
    for heading in spare:
        excess = sum(widths.values()) + _GAP * (len(widths) - 1) - room
        if excess <= 0:
            break
        if widths[heading] - excess >= _LEAST:
            widths[heading] -= excess
        else:
            del widths[heading]
    return widths


def _printable(text: str) -> str:
    # What a model or another person wrote must not move the cursor or retitle the window.
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


def describe(job: Job) -> str:
    """Return the job's state in a few words."""
    words = [job.status]
    if job.status == "queued" and job.waiting_on:
        words.append(f"(waiting on {job.waiting_on.replace('_', ' ')})")
    if job.attempts > 1:
        words.append(f"attempt {job.attempts}")
    return " ".join(words)


def print_lines(lines: Sequence[str]) -> None:
    """Write lines to stdout; in a terminal, headings (no indent, no dot) are bold."""
    if not sys.stdout.isatty():
        for line in lines:
            print_data(line)
        return
    from rich.console import Console  # noqa: PLC0415 - only in a terminal
    from rich.text import Text  # noqa: PLC0415 - only in a terminal

    console = Console(highlight=False)
    for line in lines:
        heading = bool(line) and not line.startswith(" ") and not line.endswith(".")
        console.print(Text(_printable(line), style="bold" if heading else ""), soft_wrap=True)


class Steps:
    """Tells on stderr what is being done and what has been; in a terminal it moves."""

    def __init__(self) -> None:
        self._status: Status | None = None

    def __enter__(self) -> Self:
        console = moving_console()
        if console is None:
            tell("starting the servers")
        else:
            self._status = console.status("starting the servers")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def doing(self, what: str) -> None:
        """Say what happens now."""
        if self._status is not None:
            self._status.update(what)
        else:
            tell(f"         {what}")

    def done(self, what: str, seconds: float) -> None:
        """Say what has happened and how long it took."""
        line = f"{seconds:7.3f}s {what}"
        if self._status is not None:
            self._status.console.print(line, markup=False)
        else:
            tell(line)
