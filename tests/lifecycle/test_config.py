"""`genq config check` and `show`: values, their sources, no secret; exit code 8 if wrong."""

import json
from pathlib import Path

import pytest

from infra.settings import Origin
from producer.config.command import main
from producer.config.policies import permissions
from producer.config.values import masked
from producer.doctor.finding import Level
from tests.fixtures.api_stub import Home
from tests.fixtures.harness import Harness
from tests.fixtures.operating import Ended, operate
from tests.fixtures.processes import _environment

Capture = pytest.CaptureFixture[str]
PEPPER = "9f2c51d0a7e84b3396ad0c7f15e2b846"


def look(genq: Harness, line: str, **more: str) -> Ended:
    shell = {n: v for n, v in _environment(genq.settings).items() if n.startswith("GENQ_")}
    return operate(line, {**shell, **more})


def here(genq: Harness, monkeypatch: pytest.MonkeyPatch, line: str, **more: str) -> int:
    """Run the command in this process: it reaches no server."""
    for name, value in {**_environment(genq.settings), **more}.items():
        if name.startswith("GENQ_"):
            monkeypatch.setenv(name, value)
    return main(line.split())


def test_a_sound_installation_passes_and_each_probe_speaks(home: Home, genq: Harness) -> None:
    ended = look(genq, "config check --json", GENQ_MODEL_SERVERS="[]", GENQ_KEY_PEPPER=PEPPER)

    told = json.loads(ended.out)
    assert (ended.code, told["ok"]) == (0, True), ended.out
    assert {finding["check"] for finding in told["findings"]} >= {
        "settings", "production", "public_url", "webhook_egress", "key_pepper", "permissions",
        "database", "migrations", "clocks", "broker", "valkey", "object_store", "model_servers",
    }  # fmt: skip
    values = {value["name"]: value for value in told["settings"]}
    assert values["GENQ_DATABASE_URL"]["source"] == "environment"
    assert values["GENQ_SLOTS"]["default"] or values["GENQ_SLOTS"]["source"] != "default"
    assert PEPPER not in ended.out


def test_what_is_wrong_ends_with_8_and_tells_where_it_was_set(
    home: Home, genq: Harness, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    server = {
        "name": "gpu",
        "base_url": "http://127.0.0.1:9/v1",
        "models": [{"name": "m", "kind": "chat"}],
    }
    worse = here(genq, monkeypatch, "check", GENQ_SLOTS="many", GENQ_LANES="fast,turbo")
    assert worse == 8
    assert "GENQ_LANES: not valid JSON" in capsys.readouterr().out
    assert here(genq, monkeypatch, "check", GENQ_SLOTS="many", GENQ_LANES='["fast"]') == 8
    said = "GENQ_SLOTS: must be a whole number, such as 12 (from environment)"
    assert said in capsys.readouterr().out
    guessed = look(
        genq,
        "config check",
        GENQ_KEY_PEPPER="a" * 32,
        GENQ_PUBLIC_URL="ftp://x",
        GENQ_OUTBOUND_ALLOW='["0.0.0.0/0"]',
        GENQ_MODEL_SERVERS=json.dumps([server]),
    )
    assert guessed.code == 8
    for check in ("key_pepper", "public_url", "webhook_egress", "model_servers"):
        assert f"error    {check}: " in guessed.out, check


def test_show_prints_each_setting_without_secrets(
    home: Home, genq: Harness, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert here(genq, monkeypatch, "show --diff-default --json", GENQ_SLOTS="7") == 0

    printed = capsys.readouterr()
    values = {fact["name"]: fact for fact in map(json.loads, printed.out.splitlines())}
    assert values["GENQ_SLOTS"]["value"] == 7
    assert values["GENQ_KEY_PEPPER"]["value"] == "***"
    assert "GENQ_MAX_LOST" not in values
    assert "others have their defaults" in printed.err


def test_files_with_secrets_that_others_may_read_are_told(tmp_path: Path) -> None:
    file = tmp_path / "pepper"
    file.write_text("x")
    origin = {"key_pepper": Origin("secret file", str(file))}

    file.chmod(0o600)
    (private,) = permissions(origin)
    file.chmod(0o644)
    (shared,) = permissions(origin)

    assert (private.level, shared.level) == (Level.OK, Level.WARNING)
    assert f"chmod 600 {file}" in shared.action


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("postgresql://u:hush@db:5432/genq", "postgresql://u:***@db:5432/genq"),
        ("postgresql://u@/genq?host=/run&password=hush", None),
        ("redis://:hush@[::1]:6379/0", None),
        ("hush", "***"),
        ("http://[hush", "***"),
    ],
)
def test_a_url_is_shown_without_its_password(secret: str, shown: str | None) -> None:
    told = masked(secret)

    assert "hush" not in told
    assert shown in {None, told}
