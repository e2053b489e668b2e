"""Settings: whatever is wrong with them is said at once, by name, before anything starts."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from infra.settings import Settings, read_database_url, read_settings
from schemas.errors import SettingsError
from schemas.generation import Kind
from schemas.lanes import DEFAULT_WEIGHTS, Lane

NEEDED: Final = {
    "GENQ_DATABASE_URL": "postgresql://genq:db-secret@db.invalid/genq",
    "GENQ_BROKER_URL": "redis://:broker-secret@valkey.invalid/0",
    "GENQ_OBJECT_STORE": "file:///tmp/objects",
    "GENQ_KEY_PEPPER": "only-for-tests-0123456789",
}
SERVER: Final = (
    '{"name": "one", "base_url": "http://x/v1", "models": [{"name": "m", "kind": "chat"}]}'
)
WITHOUT_FALLBACK: Final = SERVER.replace('"m"', '"m", "fallbacks": ["n"]')
ROUTE: Final = '{"model": "m", "strategy": "cheapest"}'

Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    """Set variables beside the needed ones; ``None`` takes one away. No .env is in sight."""
    monkeypatch.chdir(tmp_path)

    def put(**variables: str | None) -> None:
        for name, value in {**NEEDED, **variables}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return put


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        read_settings()
    return refused.value.message


def test_what_is_needed_suffices(environment: Environment) -> None:
    environment()

    settings = read_settings()

    assert settings.lane_weights == DEFAULT_WEIGHTS
    assert settings.lanes == tuple(Lane)
    assert settings.retention == timedelta(days=30)


def test_everything_that_is_missing_is_named_at_once(environment: Environment) -> None:
    environment(**dict.fromkeys(NEEDED))

    lines = refusal().splitlines()

    assert {line.partition(":")[0] for line in lines} == set(NEEDED)
    assert all("genq up" in line for line in lines)


def test_migrations_need_the_database_alone(environment: Environment) -> None:
    environment(**dict.fromkeys(set(NEEDED) - {"GENQ_DATABASE_URL"}))

    assert read_database_url() == NEEDED["GENQ_DATABASE_URL"]


def test_migrations_refuse_an_unknown_variable_too(environment: Environment) -> None:
    environment(GENQ_SLOTZ="3")

    with pytest.raises(SettingsError, match="GENQ_SLOTZ"):
        read_database_url()


def test_an_unknown_variable_is_refused_with_a_suggestion(environment: Environment) -> None:
    environment(GENQ_SLOTZ="3", GENQ_XYZZY="1")

    assert refusal() == (
        "unknown setting GENQ_SLOTZ; did you mean GENQ_SLOTS?; unknown setting GENQ_XYZZY"
    )


def test_variables_of_the_command_line_are_not_ours_to_refuse(environment: Environment) -> None:
    environment(GENQ_API_KEY="gq_x", GENQ_URL="http://x", GENQ_PROFILE="x", OTHER="1")

    read_settings()


def test_a_file_may_hold_the_value(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text("from-a-file-0123456789\n")
    (tmp_path / "slots").write_text("7\n")
    (tmp_path / "servers").write_text(f"[{SERVER}]")
    environment(
        GENQ_KEY_PEPPER=None,
        GENQ_KEY_PEPPER_FILE="pepper",
        GENQ_SLOTS_FILE=str(tmp_path / "slots"),
        GENQ_MODEL_SERVERS_FILE="servers",
        GENQ_DATABASE_URL_FILE="",
    )

    settings = read_settings()

    assert settings.key_pepper.get_secret_value() == "from-a-file-0123456789"
    assert settings.slots == 7
    assert [server.name for server in settings.model_servers] == ["one"]


def test_a_variable_goes_before_a_file_and_a_file_before_toml_and_an_argument_before_all(
    environment: Environment, tmp_path: Path
) -> None:
    for name, slots in {"a": "2", "b": "3"}.items():
        (tmp_path / name).write_text(slots)
    (tmp_path / ".env").write_text("GENQ_SLOTS=5\nGENQ_MAX_LOST=5\nGENQ_MAX_ATTEMPTS=5\nX=1\n")
    (tmp_path / "genq.toml").write_text(
        "slots = 6\nmax_lost = 6\nmax_attempts = 6\napi_port = 6"
    )
    environment(
        GENQ_CONFIG="genq.toml",
        GENQ_SLOTS="1",
        GENQ_SLOTS_FILE="a",
        GENQ_MAX_LOST_FILE="b",
    )

    settings = read_settings()

    assert settings.slots == 1
    assert (settings.max_lost, settings.max_attempts, settings.api_port) == (3, 5, 6)
    assert read_settings(slots=9).slots == 9


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("GENQ_SLOTS_FILE", None, "cannot read {file}: No such file or directory"),
        ("GENQ_SLOTS_FILE", b"\xff\xfe", "{file}: not UTF-8 text"),
        ("GENQ_LANES_FILE", b"turbo", "GENQ_LANES: not valid JSON"),
        ("GENQ_CONFIG", None, "cannot read {file}: No such file or directory"),
        ("GENQ_CONFIG", b"slots = \xff", "{file}: not UTF-8 text"),
        ("GENQ_CONFIG", b"slots = =", "{file}: not valid TOML: "),
        ("GENQ_CONFIG", b"slotz = 3", "{file}: unknown setting slotz; did you mean slots?"),
        ("GENQ_CONFIG", b"slots = 'many'", "GENQ_SLOTS: must be a whole number"),
    ],
)
def test_a_file_that_is_wrong_is_named(
    environment: Environment, tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    environment(**{name: str(file)})

    assert refusal().startswith(complaint.format(file=file))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"GENQ_SLOTZ=3\n", "unknown setting GENQ_SLOTZ; did you mean GENQ_SLOTS?"),
        (b"GENQ_LANES=fast\n", "GENQ_LANES: not valid JSON"),
        (b"GENQ_SLOTS=\xff\n", ".env: not UTF-8 text"),
    ],
)
def test_the_env_file_keeps_the_same_rules(
    environment: Environment, tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    environment()

    assert refusal().startswith(complaint)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12.5", timedelta(seconds=12.5)),
        ("3", timedelta(seconds=3)),
        ("PT1M", timedelta(minutes=1)),
        ("PT12.5S", timedelta(seconds=12.5)),
        ("P30D", timedelta(days=30)),
        ("P1DT12H", timedelta(hours=36)),
    ],
)
def test_a_duration_is_seconds_or_iso_8601(
    environment: Environment, tmp_path: Path, written: str, meant: timedelta
) -> None:
    (tmp_path / "genq.toml").write_text(f"retry_cap = '{written}'")
    environment(GENQ_SESSION_TTL=written, GENQ_CONFIG="genq.toml")

    settings = read_settings()

    assert settings.session_ttl == settings.retry_cap == meant


@pytest.mark.parametrize("written", ["", "0", "-1", "soon", "inf", "nan", "PT0S", "P40000D"])
def test_what_is_no_useful_duration_is_refused(environment: Environment, written: str) -> None:
    environment(GENQ_SESSION_TTL=written)

    assert refusal().startswith("GENQ_SESSION_TTL: ")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("LANE_WEIGHTS", '{"turbo": 8}', "name all of turbo, fast, relax, batch"),
        ("LANE_WEIGHTS", '{"turbo":8,"fast":4,"relax":2,"batch":0}', "1 to 1000"),
        ("LANE_WEIGHTS", '{"turbo":1001,"fast":4,"relax":2,"batch":1}', "1 to 1000"),
        ("LANE_WEIGHTS", '{"slow": 8}', "must be 'turbo', 'fast', 'relax' or 'batch'"),
        ("LANE_WEIGHTS", "8,4,2,1", "GENQ_LANE_WEIGHTS: not valid JSON"),
        ("LANES", "turbo,fast", 'such as ["turbo", "fast"]'),
        ("LANES", "[]", "GENQ_LANES"),
        ("SLOTS", "0", "GENQ_SLOTS"),
        ("API_PORT", "65536", "GENQ_API_PORT"),
        ("KEY_PEPPER", "short", "GENQ_KEY_PEPPER"),
        ("OBJECT_STORE", "/objects", "GENQ_OBJECT_STORE"),
        ("OUTBOUND_ALLOW", '["10.0.0.1/8"]', "GENQ_OUTBOUND_ALLOW"),
        ("S3_ACCESS_KEY", "x", "s3_access_key and s3_secret_key go together"),
        ("MODEL_SERVERS", f"[{SERVER}, {SERVER}]", "share a name"),
        ("MODEL_SERVERS", f"[{WITHOUT_FALLBACK}]", "fallback of the same kind: m -> n"),
        ("MODEL_ROUTES", f"[{ROUTE}]", "no server offers m"),
        ("MODEL_ROUTES", f"[{ROUTE}, {ROUTE}]", "m has 2 routes: keep one"),
        ("MODEL_ROUTES", '[{"model": "m", "strategy": "best"}]', "'least_loaded'"),
        ("ROUTE_STRATEGY", "best", "'least_loaded'"),
    ],
)
def test_a_value_that_cannot_work_is_refused(
    environment: Environment, name: str, value: str, complaint: str
) -> None:
    environment(**{f"GENQ_{name}": value})

    assert complaint in refusal()


def test_other_weights_can_be_set(environment: Environment) -> None:
    environment(GENQ_LANE_WEIGHTS='{"turbo": 1, "fast": 2, "relax": 3, "batch": 1000}')

    assert read_settings().lane_weights == dict(zip(Lane, (1, 2, 3, 1000), strict=True))


def test_secrets_show_in_neither_settings_nor_refusals(environment: Environment) -> None:
    environment()
    shown = repr(read_settings())
    environment(
        GENQ_KEY_PEPPER="hush", GENQ_S3_ACCESS_KEY="quiet", GENQ_MODEL_SERVERS='["psst"]'
    )

    refused = refusal()

    assert not any(secret in shown for secret in ("db-secret", "broker-secret", "only-for"))
    assert not any(secret in refused for secret in ("hush", "quiet", "psst", "db-secret"))


def test_doorbells_ring_at_the_broker_unless_told_otherwise(environment: Environment) -> None:
    environment()
    same = read_settings().doorbell_url()
    environment(GENQ_VALKEY_URL="redis://other.invalid/1")

    assert same == NEEDED["GENQ_BROKER_URL"]
    assert read_settings().doorbell_url() == "redis://other.invalid/1"


def test_every_kind_has_a_wall_time(environment: Environment) -> None:
    environment(GENQ_IMAGE_TIMEOUT="60", GENQ_CHAT_TIMEOUT="PT2M")

    settings = read_settings()

    assert {kind: settings.attempt_timeout(kind) for kind in Kind} == {
        Kind.IMAGE: timedelta(minutes=1),
        Kind.IMAGE_EDIT: timedelta(minutes=1),
        Kind.CHAT: timedelta(minutes=2),
        Kind.COMPLETION: timedelta(minutes=2),
        Kind.EMBEDDING: timedelta(minutes=2),
        Kind.SPEECH: timedelta(minutes=2),
    }


def test_every_setting_but_the_log_level_says_what_it_means() -> None:
    silent = [name for name, field in Settings.model_fields.items() if not field.description]

    assert silent == ["log_level"]
