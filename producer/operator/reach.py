"""Which installation an operator means: the settings of the shell, or a running `genq up`."""

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from infra.embedded.data_folder import DataFolder
from infra.embedded.run_state import RunState
from infra.settings import (
    CONFIG_VARIABLE,
    PREFIX,
    Settings,
    read_database_url,
    read_settings,
)
from schemas.errors import SettingsError

# What has no default and no operator's command needs.
_NOT_NEEDED: Final = {"object_store": "file:///", "key_pepper": "0123456789abcdef"}
_NEEDED: Final = (
    "database_url", "broker_url", "valkey_url", "model_servers", "tenant_max_inflight"
)  # fmt: skip


def settings_of(data_dir: Path | None, *, embedded: Path | None) -> Settings:
    """Return the settings of the installation to act on.

    Args:
        data_dir: The folder of a running `genq up`, named by the operator.
        embedded: The folder to look into if the shell names no database.

    Raises:
        SettingsError: No installation is known, or a setting is wrong.
    """
    if data_dir is not None:
        return _of_running(data_dir)
    try:
        read_database_url()
    except SettingsError as error:
        if embedded is not None and _running(embedded) is not None:
            return _of_running(embedded)
        raise SettingsError(
            f"{error.message}\nset GENQ_DATABASE_URL and GENQ_BROKER_URL to those of the"
            " installation, or name the folder of a running genq up: --data-dir"
        ) from None
    return read_settings(**_NOT_NEEDED)


def _of_running(data_dir: Path) -> Settings:
    state = _running(data_dir)
    if state is None:
        raise SettingsError(f"genq up does not run on {data_dir}; start it, or name another")
    found = _configured(state.environment.get(CONFIG_VARIABLE))
    for name in _NEEDED:
        text = state.environment.get(PREFIX + name.upper())
        if text is not None:
            found[name] = json.loads(text) if text.startswith(("[", "{")) else text
    return read_settings(**(_NOT_NEEDED | found))


def _configured(config: str | None) -> dict[str, Any]:
    """Return what the TOML file says of what is needed; variables win over it."""
    if not config:
        return {}
    try:
        told = tomllib.loads(Path(config).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the file that genq up was started with cannot be read: {config}: {error}"
        ) from None
    return {name: told[name] for name in _NEEDED if name in told}


def _running(data_dir: Path) -> RunState | None:
    folder = DataFolder(data_dir.expanduser().absolute())
    state = RunState.read(folder.state_file)
    return state if state is not None and state.supervisor.alive() else None
