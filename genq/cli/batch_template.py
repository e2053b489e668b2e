"""``… {{column}} …``: one prompt for each row of a table."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

_PLACE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_LOOSE: Final = re.compile(r"\{\{|\}\}")
_OPTION: Final = "--template"


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for the columns of a row.

    Attributes:
        texts: What stands between the places: one more than there are places.
        columns: What the places name, in order.
    """

    texts: tuple[str, ...]
    columns: tuple[str, ...]

    def filled(self, row: Mapping[str, str]) -> str:
        """Return the text for a row, which has every column."""
        parts = [self.texts[0]]
        for column, text in zip(self.columns, self.texts[1:], strict=True):
            parts += (row[column], text)
        return "".join(parts)

    def require(self, known: Sequence[str]) -> None:
        """Check that a table has the columns.

        Raises:
            typer.BadParameter: It lacks one; the closest is named.
        """
        for column in self.columns:
            if column not in known:
                close = difflib.get_close_matches(column, known, n=1)
                hint = f"did you mean {{{{{close[0]}}}}}?" if close else ""
                columns = ", ".join(known)
                raise typer.BadParameter(
                    f"there is no column {column!r}; {hint or f'there are: {columns}.'}",
                    param_hint=_OPTION,
                )


def read_template(written: str) -> Template:
    """Return a template; ``@path`` is the file that holds it.

    Raises:
        typer.BadParameter: It has no place, or braces that are no place.
        OSError: The file cannot be read.
    """
    text = Path(written[1:]).read_text(encoding="utf-8") if written[:1] == "@" else written
    *pieces, last = _PLACE.split(text)
    texts, columns = (*pieces[::2], last), tuple(pieces[1::2])
    if any(_LOOSE.search(part) for part in texts) or "" in columns:
        raise typer.BadParameter(
            "braces without their partner; a place for a column is {{name}}.",
            param_hint=_OPTION,
        )
    if not columns:
        raise typer.BadParameter(
            "it names no column; write {{name}} where the value of a column goes.",
            param_hint=_OPTION,
        )
    return Template(texts, columns)
