"""`genq policy`: what operators type and read, and the exit codes."""

from pathlib import Path

import orjson
import pytest

from infra.settings import Settings
from producer.safety.command import main

Output = pytest.CaptureFixture[str]


@pytest.fixture
def _shell(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "BROKER_URL": settings.broker_url.get_secret_value(),
        "OBJECT_STORE": f"file://{tmp_path}/objects",
        "KEY_PEPPER": settings.key_pepper.get_secret_value(),
    }
    for name, value in told.items():
        monkeypatch.setenv(f"GENQ_{name}", value)


def _file(folder: Path, text: str) -> str:
    path = folder / "policy.yaml"
    path.write_text(text)
    return str(path)


def test_a_document_is_validated_without_any_server(tmp_path: Path, capsys: Output) -> None:
    good = _file(tmp_path, "policy: house\ncategories:\n  violence: {block: 0.5}\n")
    assert main(["validate", good]) == 0
    assert "house is a valid policy" in capsys.readouterr().out
    assert main(["validate", good, "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out)["valid"] is True

    odd = "policy: acme\ncategories: {}\n\n\nlimits: {prompt_char: 1}\n"
    bad = _file(tmp_path, odd)
    assert main(["validate", bad]) == 8
    told = capsys.readouterr().err
    assert told.startswith("line 5: limits.prompt_char: is unknown; did you mean prompt_chars?")
    mended = _file(tmp_path, "policy: acme\ncategories:\n  sexual_minors:\n    block: 0.9\n")
    assert main(["validate", mended, "--override"]) == 8
    assert "line 4: categories.sexual_minors.block: 0.9 is looser" in capsys.readouterr().err
    assert main(["validate", str(tmp_path / "nowhere")]) == 8
    assert "No such file" in capsys.readouterr().err


@pytest.mark.usefixtures("_shell")
def test_a_policy_is_created_tried_shown_and_activated(tmp_path: Path, capsys: Output) -> None:
    written = _file(tmp_path, "policy: house\ncategories:\n  violence: {block: 0.5}\n")
    assert main(["create", written, "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out)["version"] == 1
    assert main(["simulate", "1", "--since", "1h"]) == 0
    assert "0 of 0 verdicts would change" in capsys.readouterr().err
    assert main(["show", "1"]) == 0
    # What is printed can be edited and created again.
    again = _file(tmp_path, capsys.readouterr().out)
    assert main(["validate", again]) == 0
    assert main(["activate", "1"]) == 0
    capsys.readouterr()
    assert main(["show", "--json"]) == 0
    shown = orjson.loads(capsys.readouterr().out)
    assert (shown["name"], shown["categories"]["violence"]["block"]) == ("house", 0.5)

    graver = _file(tmp_path, "policy: house\nlevels:\n  strict: {flag: 0.2}\n")
    assert main(["create", graver]) == 0
    assert main(["activate", "2"]) == 9
    assert "another person" in capsys.readouterr().err
    assert main(["approve", "2"]) == 9
    assert main(["show", "9"]) == 3
    assert main(["ls", "--tenant", "nobody"]) == 3
    assert main(["ls"]) == 0
    assert "active" in capsys.readouterr().out
