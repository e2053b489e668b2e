"""What the children are told: embedding's demands, then the user's settings, then defaults."""

import json
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from infra.embedded.addresses import claim_port, url_of
from infra.embedded.child_settings import metrics_environment
from infra.embedded.data_folder import open_folder
from infra.embedded.installation import Installation, UpOptions, prepare_installation
from infra.embedded.postgres import forget_url_of_cluster
from schemas.errors import SettingsError

OWN_SERVER = [
    {"name": "own", "base_url": "http://m/v1", "models": [{"name": "m", "kind": "chat"}]}
]


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a .env file."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def prepare(
    folder: Path, inherited: dict[str, str] | None = None, slots: int | None = None
) -> Installation:
    options = UpOptions(folder / "data", port=0, slots=slots)
    return prepare_installation(options, inherited or {}, open_folder(options.data_dir))


def test_children_are_told_everything_they_need(tmp_path: Path) -> None:
    made = prepare(tmp_path, {"PATH": "/bin", "HOME": "/home/user"}, slots=7)
    told = made.told.environment

    assert told["PATH"] == "/bin"
    assert told["GENQ_SLOTS"] == "7"
    assert told["GENQ_OBJECT_STORE"] == (tmp_path / "data/objects").as_uri()
    assert told["GENQ_OUTBOUND_ALLOW"] == '["127.0.0.0/8"]'
    assert told["GENQ_PUBLIC_URL"] == made.url
    assert made.told.settings.slots == 7
    assert made.told.settings.drain_grace == timedelta(seconds=5)
    assert f"127.0.0.1:{made.valkey_port}" in told["GENQ_BROKER_URL"]
    assert made.credentials.valkey_password in told["GENQ_BROKER_URL"]
    (simulator,) = made.told.settings.model_servers
    assert simulator.base_url == f"http://127.0.0.1:{made.simulator_port}/v1"
    assert {n for n in told if n.startswith("GENQ_")} == set(made.told.own_variables())


def test_the_key_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    first, second = prepare(tmp_path), prepare(tmp_path)

    assert first.credentials == second.credentials


def test_the_users_own_settings_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        "GENQ_MODEL_SERVERS": json.dumps(OWN_SERVER),
        "GENQ_DRAIN_GRACE": "2",
        "GENQ_SLOTS": "3",
        "GENQ_PUBLIC_URL": "https://genq.example",
        "GENQ_OUTBOUND_ALLOW": "[]",
        "GENQ_KEY_PEPPER": "a pepper of the user",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    made = prepare(tmp_path, own)

    assert not made.told.simulated
    assert made.simulator_port == 0
    assert made.told.own_variables().items() >= own.items()
    assert made.told.settings.slots == 3
    assert made.told.settings.outbound_allow == ()
    assert made.url.startswith("http://127.0.0.1:")


def test_settings_of_a_file_count_as_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "genq.toml"
    config.write_text('drain_grace = 3\nslots = 9\nobject_store = "s3://bucket"\n')
    monkeypatch.setenv("GENQ_CONFIG", str(config))
    (tmp_path / "here" / ".env").write_text("GENQ_RETRY_BASE=5\nGENQ_SLOTS=4\n")

    made = prepare(tmp_path, {"GENQ_CONFIG": str(config)})

    assert "GENQ_DRAIN_GRACE" not in made.told.environment
    assert "GENQ_OBJECT_STORE" not in made.told.environment
    assert made.told.settings.slots == 4
    assert made.told.settings.object_store == "s3://bucket"
    assert made.told.settings.drain_grace == timedelta(seconds=3)


def test_a_file_is_found_from_other_folders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "genq.toml").write_text("slots = 9\n")
    monkeypatch.setenv("GENQ_CONFIG", "genq.toml")

    made = prepare(tmp_path, {"GENQ_CONFIG": "genq.toml"})

    assert made.told.own_variables()["GENQ_CONFIG"] == str(tmp_path / "genq.toml")


def test_other_servers_are_overruled_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"GENQ_DATABASE_URL": "postgresql://elsewhere/x", "GENQ_BROKER_URL": "redis://else"}
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    made = prepare(tmp_path, own)

    assert made.told.ignored == ("GENQ_DATABASE_URL", "GENQ_BROKER_URL")
    assert "elsewhere" not in made.told.environment["GENQ_DATABASE_URL"]
    assert "else" not in made.told.environment["GENQ_BROKER_URL"]


def test_a_wrong_setting_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENQ_SLOT", "3")

    with pytest.raises(SettingsError, match="did you mean GENQ_SLOTS"):
        prepare(tmp_path)


def test_what_steers_other_programs_is_not_handed_on(tmp_path: Path) -> None:
    inherited = {"PGHOST": "x", "PGOPTIONS": "y", "CELERY_LOADER": "z", "GENQ_API_KEY": "gq_x"}

    told = prepare(tmp_path, inherited).told.environment

    assert not inherited.keys() & told.keys()


def test_processes_do_not_fight_for_one_metrics_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENQ_METRICS_PORT", "9100")
    told = prepare(tmp_path).told

    ports = {
        metrics_environment(told.environment, told.settings, number)["GENQ_METRICS_PORT"]
        for number in range(3)
    }

    assert ports == {"9100", "9101", "9102"}


def test_a_path_too_long_for_a_socket_is_reached_by_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("long and spaced " * 6).strip()

    url = prepare(deep).told.environment["GENQ_DATABASE_URL"]

    host = Path(url.partition("?host=")[2])
    assert len(str(host)) < 80
    assert host.parent.stat().st_mode & 0o077 == 0
    assert host.readlink() == deep / "data" / "postgres"
    forget_url_of_cluster(deep / "data" / "postgres")
    assert not host.is_symlink()


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 is taken"):
            claim_port("127.0.0.1", port)


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1"):
        claim_port("192.0.2.1", 8080)
    with pytest.raises(SettingsError, match="not an address"):
        claim_port("no such host.invalid", 8080)


def test_urls_are_as_this_machine_reaches_them() -> None:
    assert url_of("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert url_of("::", 80) == "http://[::1]:80"
    assert url_of("10.0.0.1", 80) == "http://10.0.0.1:80"
