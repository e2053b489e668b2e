"""Production refuses what is fit for development only; what is wrong is said plainly."""

import json
from pathlib import Path

import pytest

from infra.embedded.credentials import read_or_make_credentials
from infra.production import weakness_of
from infra.settings import origins, read_settings
from schemas.errors import SettingsError

SERVER = {
    "name": "gpu-1",
    "base_url": "http://gpu-1/v1",
    "models": [{"name": "m", "kind": "chat"}],
}
FIT = {
    "GENQ_PRODUCTION": "true",
    "GENQ_DATABASE_URL": "postgresql://genq@db.invalid/genq",
    "GENQ_BROKER_URL": "redis://valkey.invalid/0",
    "GENQ_OBJECT_STORE": "s3://bucket",
    "GENQ_KEY_PEPPER": "9f2c51d0a7e84b3396ad0c7f15e2b846",
    "GENQ_PUBLIC_URL": "https://genq.example.com",
    "GENQ_MODEL_SERVERS": json.dumps([SERVER]),
}
SIMULATOR = {**SERVER, "name": "simulator"}
LEFT_OVER = {
    "GENQ_KEY_PEPPER": "genq-dev-9f2c51d0a7e84b3396ad0c7f15e2b846",
    "GENQ_BROKER_URL": "redis://:genq-dev-0123@valkey.invalid/0",
    "GENQ_MODEL_SERVERS": json.dumps([SIMULATOR]),
    "GENQ_PUBLIC_URL": "http://genq.example.com",
    "GENQ_OUTBOUND_ALLOW": '["0.0.0.0/0"]',
    "GENQ_LOG_PROMPTS": "true",
}


@pytest.fixture(autouse=True)
def fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in which production may start; no .env is in sight."""
    monkeypatch.chdir(tmp_path)
    for name, value in FIT.items():
        monkeypatch.setenv(name, value)


def test_what_is_fit_starts() -> None:
    assert read_settings().production


@pytest.mark.parametrize("name", sorted(LEFT_OVER))
def test_each_left_over_of_development_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, LEFT_OVER[name])

    with pytest.raises(SettingsError) as refused:
        read_settings()

    (line,) = refused.value.message.splitlines()
    assert line.startswith(f"{name}: ")
    assert "genq-dev-" not in line
    assert read_settings(production=False)


def test_the_simulator_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENQ_MODEL_SERVERS", json.dumps([SIMULATOR]))
    monkeypatch.setenv("GENQ_ALLOW_SIMULATOR", "true")

    assert read_settings().production


def test_what_genq_up_makes_is_marked(tmp_path: Path) -> None:
    made = read_or_make_credentials(tmp_path / "credentials.json")

    assert "genq up" in weakness_of(made.key_pepper)
    assert made.valkey_password.startswith("genq-dev-")


@pytest.mark.parametrize("pepper", ["aaaaaaaaaaaaaaaaaaaa", "change-this-pepper-1234567890"])
def test_a_pepper_that_can_be_guessed_is_weak(pepper: str) -> None:
    assert "can be guessed" in weakness_of(pepper)


def test_the_place_of_every_value_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("GENQ_SLOTS=5\nGENQ_MAX_LOST=5\n")
    (tmp_path / "genq.toml").write_text("slots = 6\napi_port = 6\n")
    (tmp_path / "lost").write_text("4")
    monkeypatch.setenv("GENQ_CONFIG", "genq.toml")
    monkeypatch.setenv("GENQ_MAX_LOST_FILE", "lost")

    found = origins({"log_level": "error"})

    told = {name: (one.kind, one.place) for name, one in found.items()}
    assert told["log_level"] == ("argument", "")
    assert told["public_url"] == ("environment", "GENQ_PUBLIC_URL")
    assert told["max_lost"] == ("secret file", "lost")
    assert told["slots"] == (".env", ".env")
    assert told["api_port"] == ("TOML file", "genq.toml")
    assert told["max_attempts"] == ("default", "")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLOTS", "many", "GENQ_SLOTS: must be a whole number, such as 12"),
        ("SLOTS", "0", "GENQ_SLOTS: must be 1 or more"),
        ("LOG_PROMPTS", "perhaps", "GENQ_LOG_PROMPTS: must be true or false"),
        ("OBJECT_STORE", "/tmp", "GENQ_OBJECT_STORE: must begin with file:/// or s3://"),
        ("RETENTION", "soon", "GENQ_RETENTION: must be seconds"),
        (
            "OUTBOUND_ALLOW",
            '["x"]',
            "GENQ_OUTBOUND_ALLOW (outbound_allow.0): must be a network",
        ),
        ("KEY_PEPPER", "short", "GENQ_KEY_PEPPER: needs 16 characters or more"),
        ("LANE_WEIGHTS", '{"turbo": 8}', "GENQ_LANE_WEIGHTS: name all of turbo"),
        (
            "MODEL_SERVERS",
            '[{"name": "a", "base_url": "x", "models": []}]',
            "GENQ_MODEL_SERVERS (model_servers.0.base_url): must begin with http:// or https://",
        ),
    ],
)
def test_what_is_wrong_is_said_as_a_person_would(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"GENQ_{name}", value)

    with pytest.raises(SettingsError) as refused:
        read_settings()

    assert refused.value.message.startswith(said)
    assert "Input should" not in refused.value.message
