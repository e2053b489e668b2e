"""`genq config check` and `show`: values, their sources, no secret; exit code 8 if wrong."""

import json
from pathlib import Path

import pytest

from producer.config.values import masked
from tests.fixtures.api_stub import Home
from tests.fixtures.harness import Harness
from tests.fixtures.operating import Ended, operate
from tests.fixtures.processes import _environment


def look(genq: Harness, line: str, **more: str) -> Ended:
    shell = {n: v for n, v in _environment(genq.settings).items() if n.startswith("GENQ_")}
    return operate(line, {**shell, **more})


def test_a_sound_installation_passes_and_each_probe_speaks(home: Home, genq: Harness) -> None:
    ended = look(genq, "config check --json", GENQ_MODEL_SERVERS="[]")

    told = json.loads(ended.out)
    assert (ended.code, told["ok"]) == (0, True), ended.out
    assert {finding["check"] for finding in told["findings"]} >= {
        "settings", "production", "public_url", "webhook_egress", "key_pepper", "permissions",
        "database", "migrations", "clocks", "broker", "valkey", "object_store", "model_servers",
    }  # fmt: skip
    values = {value["name"]: value for value in told["settings"]}
    assert values["GENQ_DATABASE_URL"]["source"] == "environment"
    assert values["GENQ_SLOTS"]["default"] or values["GENQ_SLOTS"]["source"] != "default"
    assert genq.settings.key_pepper.get_secret_value() not in ended.out


def test_what_is_wrong_ends_with_8_and_tells_where_it_was_set(
    home: Home, genq: Harness, tmp_path: Path
) -> None:
    open_to_all = tmp_path / "pepper"
    open_to_all.write_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    open_to_all.chmod(0o644)
    server = {
        "name": "gpu",
        "base_url": "http://127.0.0.1:9/v1",
        "models": [{"name": "m", "kind": "chat"}],
    }
    bad = look(
        genq,
        "config check",
        GENQ_KEY_PEPPER="",
        GENQ_PUBLIC_URL="ftp://x",
        GENQ_OUTBOUND_ALLOW='["0.0.0.0/0"]',
        GENQ_MODEL_SERVERS=json.dumps([server]),
    )
    worse = look(genq, "config check", GENQ_SLOTS="many", GENQ_KEY_PEPPER_FILE=str(open_to_all))

    assert bad.code == 8
    assert "GENQ_KEY_PEPPER: needs 16 characters or more (from environment)" in bad.out
    assert worse.code == 8
    assert "GENQ_SLOTS: must be a whole number, such as 12 (from environment)" in worse.out
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


def test_show_prints_each_setting_without_secrets(home: Home, genq: Harness) -> None:
    ended = look(genq, "config show --diff-default --json", GENQ_SLOTS="7")

    values = {fact["name"]: fact for fact in map(json.loads, ended.out.splitlines())}
    assert (ended.code, values["GENQ_SLOTS"]["value"]) == (0, 7)
    assert values["GENQ_KEY_PEPPER"]["value"] == "***"
    assert "GENQ_MAX_LOST" not in values
    assert "others have their defaults" in ended.err


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
