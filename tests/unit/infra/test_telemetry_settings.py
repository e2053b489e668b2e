"""What an operator writes to see more is read as it is meant."""

from pathlib import Path

import pytest

from infra.settings import Settings, read_settings
from schemas.errors import SettingsError

NEEDED = {
    "GENQ_DATABASE_URL": "postgresql://x",
    "GENQ_BROKER_URL": "redis://x",
    "GENQ_OBJECT_STORE": "file:///unused",
    "GENQ_KEY_PEPPER": "only-for-tests-0123456789",
}


def read(monkeypatch: pytest.MonkeyPatch, folder: Path, **told: str) -> Settings:
    monkeypatch.chdir(folder)
    for name, value in {**NEEDED, **told}.items():
        monkeypatch.setenv(name, value)
    return read_settings()


@pytest.mark.parametrize("told", ["acme,globex", " acme , globex,", '["acme", "globex"]'])
def test_tenants_are_named_with_commas_between_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str
) -> None:
    found = read(monkeypatch, tmp_path, GENQ_METRICS_TENANTS=told)

    assert found.metrics_tenants == ("acme", "globex")


def test_nothing_is_shown_of_tenants_and_nothing_is_traced_unless_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = read(monkeypatch, tmp_path)

    assert found.metrics_tenants == ()
    assert found.metrics_token is None
    assert found.traces == "auto"
    assert not found.log_end_users


def test_lists_of_a_file_are_lists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "genq.toml").write_text('metrics_tenants = ["acme"]\n')

    found = read(monkeypatch, tmp_path, GENQ_CONFIG=str(tmp_path / "genq.toml"))

    assert found.metrics_tenants == ("acme",)


def test_a_token_comes_from_a_file_and_is_not_too_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("a-token-of-the-operators\n")

    found = read(monkeypatch, tmp_path, GENQ_METRICS_TOKEN_FILE=str(tmp_path / "token"))

    assert found.metrics_token is not None
    assert found.metrics_token.get_secret_value() == "a-token-of-the-operators"
    with pytest.raises(SettingsError, match="GENQ_METRICS_TOKEN"):
        read(monkeypatch, tmp_path, GENQ_METRICS_TOKEN="short")
