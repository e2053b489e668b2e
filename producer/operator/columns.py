"""Rows for people: a rich table in a terminal, aligned plain columns elsewhere."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their headings on standard output."""
    if not sys.stdout.isatty():
        _print_plain(headings, rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        # Names are neither rich's markup nor ours to obey.
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False).print(table)
    sys.stdout.flush()


def _print_plain(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """Return the text without what could command a terminal."""
    return "".join(c for c in text if c.isprintable())
