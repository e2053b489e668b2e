"""In a terminal the command line moves and has colour, unless it is asked not to."""

import re

import pytest

from tests.fixtures.api_stub import ApiStub, Home
from tests.fixtures.command import in_a_terminal

COLOUR = re.compile(r"\x1b\[(?:\d+;)*3\d(?:;\d+)*m")
CURSOR = re.compile(r"\x1b\[(?:\?25l|2K)")


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)


def test_waiting_moves_and_has_colour(stub_home: Home) -> None:
    code, output = in_a_terminal("submit", "a kite", "-o", "kite.png")

    assert code == 0
    assert CURSOR.search(output)
    assert COLOUR.search(output)
    assert output.endswith("kite.png\r\n")


def test_no_color_is_heeded(stub_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    _, output = in_a_terminal("submit", "a kite", "-o", "kite.png")

    assert CURSOR.search(output)
    assert not COLOUR.search(output)


def test_a_dumb_terminal_gets_plain_lines(
    stub_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")

    _, output = in_a_terminal("submit", "a kite", "-o", "kite.png")

    assert "\x1b" not in output
    assert re.search(r"job_\w+  succeeded\r\n", output)


def test_what_others_wrote_cannot_command_the_terminal(
    stub_home: Home, api_stub: ApiStub
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[red]x"
    job = api_stub.add_job(model=evil, metadata={"a": evil})["id"]
    api_stub.never_ends = True

    for arguments in (("jobs", "list"), ("jobs", "get", job)):
        _, output = in_a_terminal(*arguments)
        assert "\x1b]" not in output
        assert "\x1b[2J" not in output
        assert "\x07" not in output


def test_a_table_fits_the_terminal(stub_home: Home, api_stub: ApiStub) -> None:
    api_stub.add_job(model="a-model-with-a-very-long-name-" * 4)

    _, output = in_a_terminal("jobs", "list")

    assert len(output.strip().splitlines()) == 2


def test_an_id_is_whole_however_narrow_the_terminal(
    stub_home: Home, api_stub: ApiStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = api_stub.add_job(model="gpt-image-1-with-a-name")["id"]

    for columns in (20, 40, 60, 80, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        _, output = in_a_terminal("jobs", "list")
        heading, row = output.strip().splitlines()
        assert row.split()[0] == job
        assert "status" in heading
