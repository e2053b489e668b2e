"""Help begins with an example, and mistakes are answered with what was meant."""

import re

import pytest

from genq.cli.app import run
from tests.fixtures.api_stub import ApiStub, Home

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("sumbit x", "Did you mean 'submit'"),
        ("jobs lst", "'ls'?"),
        ("submit x --wiat", "did you mean --wait"),
        ("submit x --kind imge", "did you mean image"),
        ("submit x --lane trubo", "did you mean turbo"),
        ("submit x --lane zzz", "choose from turbo, fast, relax, batch"),
        ("jobs list --status runing", "did you mean running"),
        ("submit", "PROMPT"),
        ("submit x -n 11", "-n"),
        ("submit x --kind embedding -n 2", "jobs have it"),
        ("submit x --metadata broken", "KEY=VALUE"),
        ("submit x --priority 10", "--priority"),
    ],
)
def test_a_mistake_exits_with_2_and_says_what_was_meant(
    stub_home: Home, api_stub: ApiStub, capsys: Capture, line: str, hint: str
) -> None:
    assert run(line.split()) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert hint in printed.err
    assert re.search(r"^next: genq.* --help$", printed.err, re.MULTILINE)
    assert api_stub.asked == []


def test_an_empty_prompt_is_a_mistake(stub_home: Home, capsys: Capture) -> None:
    assert run(["submit", "  "]) == 2
    assert "genq submit:" in capsys.readouterr().err


def test_the_version_is_printed(capsys: Capture) -> None:
    assert run(["version"]) == 0
    assert re.match(r"genq \d+\.\d+", capsys.readouterr().out)
