"""CSV that spreadsheets take for what it is: text, and no formula. Pure."""

from collections.abc import Sequence
from typing import Final

_QUOTED: Final = frozenset(',"\r\n')
# What Excel, LibreOffice and Google's sheets begin a formula with.
_FORMULA: Final = frozenset("=+-@\t\r")


def csv_line(cells: Sequence[object]) -> str:
    """Return one line (RFC 4180) of numbers, texts, truths and nothing.

    A text that a spreadsheet would run gets an apostrophe before it.
    """
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    told = str(value)
    if told[:1] in _FORMULA:
        told = "'" + told
    if _QUOTED.isdisjoint(told):
        return told
    return '"' + told.replace('"', '""') + '"'
