"""Settings, errors and states are documented where they are looked for, with their facts.

`make fmt` writes the two tables.
"""

import re

import pytest

from schemas.errors import GenqError, InternalError
from schemas.job_states import TRANSITIONS, JobState, Move
from tests.architecture.reference import (
    ERRORS_HEAD,
    SETTINGS_HEAD,
    all_errors,
    errors_table,
    settings_table,
    table_in,
    with_table,
)
from tests.architecture.source import ROOT

# Every waiting state has these two moves; the diagram tells them in one sentence.
TOLD_IN_WORDS = {Move.CANCEL, Move.EXPIRE}


def doubled(codes: list[str]) -> set[str]:
    return {code for code in codes if codes.count(code) > 1}


def moves_shown(text: str) -> set[tuple[str, ...]]:
    return set(re.findall(r"^    (\w+) --> (\w+): (\w+)$", text, re.MULTILINE))


def test_every_setting_is_in_the_table() -> None:
    text = (ROOT / "infra/README.md").read_text()
    assert table_in(text, SETTINGS_HEAD) == settings_table()


def test_every_error_is_in_the_table() -> None:
    text = (ROOT / "schemas/README.md").read_text()
    assert table_in(text, ERRORS_HEAD) == errors_table()


def test_no_two_errors_share_a_code() -> None:
    assert doubled([error.code for error in all_errors()]) == set()
    # The root is never raised; what is unforeseen is an InternalError.
    assert GenqError.code == InternalError.code


def test_the_diagram_shows_every_move_and_no_other() -> None:
    assert moves_shown((ROOT / "schemas/README.md").read_text()) == {
        (state.name.lower(), reached.name.lower(), move.value)
        for (state, move), reached in TRANSITIONS.items()
        if move not in TOLD_IN_WORDS or state == JobState.RUNNING
    }


def test_a_wrong_table_is_found_and_mended() -> None:
    text = f"# infra\n\n{SETTINGS_HEAD}\n|---|---|---|\n| `GENQ_GONE` | | old |\n\nEnd\n"

    assert table_in(text, SETTINGS_HEAD) != settings_table()
    assert table_in(with_table(text, settings_table()), SETTINGS_HEAD) == settings_table()
    assert with_table(text, settings_table()).endswith("\n\nEnd\n")
    with pytest.raises(ValueError, match="no table begins"):
        with_table("", settings_table())


def test_a_doubled_code_and_a_missing_move_are_found() -> None:
    assert doubled(["a", "b", "a"]) == {"a"}
    assert moves_shown("    a --> b: c\n") == {("a", "b", "c")}
