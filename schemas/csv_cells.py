"""CSV that spreadsheets take for what it is: text, and no formula. Pure."""

import re
from collections.abc import Sequence
from typing import Final

# Some spreadsheets part cells at semicolons or tabs.
_QUOTED: Final = frozenset(',;"\t\r\n')
# Where Excel, LibreOffice and Google's sheets begin a formula: at the beginning of a cell, or
# of what they take for one, for they do not honour all quotes. East Asian ones read wide signs.
_FORMULA: Final = re.compile(r'(?:\A|[;\t\r\n])[\s"]*(?=[=+\-@＝＋－＠])|\A(?=[\t\r])')  # noqa: RUF001 - these are meant


def csv_line(cells: Sequence[object]) -> str:
    """Return one line (RFC 4180) of numbers, texts, truths and nothing.

    What a spreadsheet would run in a text gets an apostrophe before it.
    """
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    told = _FORMULA.sub(r"\g<0>'", str(value))
    if _QUOTED.isdisjoint(told):
        return told
    return '"' + told.replace('"', '""') + '"'
