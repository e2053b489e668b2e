"""The doctor looks by the settings that a running genq up was started with."""

from pathlib import Path

import pytest

from infra.embedded.footprints import Footprint, own_footprint
from infra.embedded.run_state import RunState
from infra.settings import Settings
from producer.doctor.reach import settings_of
from schemas.errors import SettingsError
from tests.fixtures.operating import shell_of

TOML = """max_attempts = 7

[[model_servers]]
name = "s"
base_url = "http://127.0.0.1:9/v1"
models = [{ name = "of-the-file", kind = "chat" }]
"""


def running_up(folder: Path, settings: Settings, config: Path, **more: str) -> Path:
    environment = shell_of(settings) | {"GENQ_CONFIG": str(config)} | more
    environment.pop("GENQ_MODEL_SERVERS", None)
    supervisor: Footprint = own_footprint()
    RunState(supervisor, "http://127.0.0.1:8080", environment).write(folder / "state.json")
    return folder


def test_its_file_counts_and_its_variables_win(tmp_path: Path, settings: Settings) -> None:
    config = tmp_path / "genq.toml"
    config.write_text(TOML)
    up = running_up(
        tmp_path, settings, config, GENQ_OBJECT_STORE="file:///tmp",
        GENQ_KEY_PEPPER="0123456789abcdef", GENQ_MAX_ATTEMPTS="3",
    )  # fmt: skip

    found = settings_of(up, embedded=None)

    assert [m.name for server in found.model_servers for m in server.models] == ["of-the-file"]
    assert found.max_attempts == 3


def test_a_file_that_is_gone_is_named(tmp_path: Path, settings: Settings) -> None:
    up = running_up(tmp_path, settings, tmp_path / "gone.toml")

    with pytest.raises(SettingsError, match=r"gone\.toml"):
        settings_of(up, embedded=None)
