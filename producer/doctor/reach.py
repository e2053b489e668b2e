"""All settings of the installation to look at: the shell's, or those of a running `genq up`."""

import json
import tomllib
from pathlib import Path
from typing import Any

from infra.embedded.data_folder import DataFolder
from infra.embedded.run_state import RunState
from infra.settings import CONFIG_VARIABLE, PREFIX, Settings, read_database_url, read_settings
from schemas.errors import SettingsError


def settings_of(data_dir: Path | None, *, embedded: Path | None) -> Settings:
    """Return the settings of the installation to look at, every one of them checked.

    Args:
        data_dir: The folder of a running `genq up`, named by the operator.
        embedded: The folder to look into if the shell names no database.

    Raises:
        SettingsError: No installation is known, or a setting is wrong.
    """
    if data_dir is not None:
        state = _running(data_dir)
        if state is None:
            raise SettingsError(f"genq up does not run on {data_dir}")
        return _settings_in(state)
    try:
        read_database_url()
    except SettingsError:
        state = None if embedded is None else _running(embedded)
        if state is None:
            raise
        return _settings_in(state)
    return read_settings()


def _settings_in(state: RunState) -> Settings:
    found = _configured(state.environment.get(CONFIG_VARIABLE))
    for name in Settings.model_fields:
        text = state.environment.get(PREFIX + name.upper())
        if text is not None:
            found[name] = json.loads(text) if text.startswith(("[", "{")) else text
    return read_settings(**found)


def _configured(config: str | None) -> dict[str, Any]:
    """Return what the TOML file says; variables win over it."""
    if not config:
        return {}
    try:
        told = tomllib.loads(Path(config).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the file that genq up was started with cannot be read: {config}: {error}"
        ) from None
    return {name: told[name] for name in Settings.model_fields if name in told}


def _running(data_dir: Path) -> RunState | None:
    folder = DataFolder(data_dir.expanduser().absolute())
    state = RunState.read(folder.state_file)
    return state if state is not None and state.supervisor.alive() else None
