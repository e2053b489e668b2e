"""The reference tables of the READMEs, made from the code.

``python -P -m tests.architecture.reference`` writes them; test_documentation compares them.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from infra.settings import PREFIX, Settings
from producer.api.errors_page import markdown
from schemas import error_catalog
from schemas.errors import GenqError
from tests.architecture.source import ROOT

SETTINGS_HEAD: Final = "| variable | default | meaning |"
# Importing a branch of the tree is what makes it known.
BRANCHES: Final = error_catalog.BRANCHES
ERRORS_PAGE: Final = ROOT / "producer/api/ERRORS.md"
ERRORS_HEAD: Final = "| code | category | severity | retryable | what happened |"


def settings_table() -> list[str]:
    """Rows for every setting, in the order of declaration."""
    fields = Settings.model_fields.items()
    return [SETTINGS_HEAD, "|---|---|---|", *(_setting(name, field) for name, field in fields)]


def errors_table() -> list[str]:
    """Rows for every error, by category and code."""
    errors = sorted(all_errors(), key=lambda error: (error.category, error.code))
    return [ERRORS_HEAD, "|---|---|---|---|---|", *(_error(error) for error in errors)]


def all_errors(root: type[GenqError] = GenqError) -> list[type[GenqError]]:
    """Every error of the tree but its root, which is never raised."""
    found: list[type[GenqError]] = []
    for branch in root.__subclasses__():
        # What a test defines is no part of the tree.
        if branch.__module__.startswith("schemas."):
            found += [branch, *all_errors(branch)]
    return found


def table_in(text: str, head: str) -> list[str]:
    """The rows of the table that begins with ``head``; none if there is no such table."""
    lines = text.splitlines()
    if head not in lines:
        return []
    start = lines.index(head)
    end = start
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return lines[start:end]


def with_table(text: str, table: list[str]) -> str:
    """``text`` with its table of the same head replaced."""
    old = "\n".join(table_in(text, table[0]))
    if not old:
        raise ValueError(f"no table begins with {table[0]}")
    return text.replace(old, "\n".join(table))


def _setting(name: str, field: FieldInfo) -> str:
    cells = (f"`{PREFIX}{name.upper()}`", _default(field), field.description or "")
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if value is None or value == ():
        return ""
    if isinstance(value, timedelta):
        days, rest = divmod(value, timedelta(days=1))
        return f"`P{days}D`" if days and not rest else f"`{value.total_seconds():g}`"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value)}`"


def _error(error: type[GenqError]) -> str:
    what = (error.__doc__ or "").strip().splitlines()[0]
    again = "yes" if error.retryable else "no"
    return f"| `{error.code}` | {error.category} | {error.severity} | {again} | {what} |"


def _write(file: Path, table: list[str]) -> None:
    text = file.read_text()
    written = with_table(text, table)
    if written != text:
        file.write_text(written)


if __name__ == "__main__":
    _write(ROOT / "infra/README.md", settings_table())
    _write(ROOT / "schemas/README.md", errors_table())
    ERRORS_PAGE.write_text(markdown())
