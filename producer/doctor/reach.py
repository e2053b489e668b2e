"""Which installation is looked at: by the shell's settings, or those of a running `genq up`."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.embedded.data_folder import DataFolder
from infra.embedded.run_state import RunState
from infra.setting_faults import variable
from infra.settings import (
    CONFIG_VARIABLE,
    Origin,
    Settings,
    origins,
    read_database_url,
    read_settings,
)
from schemas.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the settings of an installation are, right or wrong.

    Attributes:
        overrides: What wins over the shell's own, by field.
        told: Where these come from.
        data_dir: The folder of the `genq up` that runs it, if one does.
    """

    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    told: Mapping[str, Origin] = field(default_factory=dict[str, Origin])
    data_dir: Path | None = None

    def settings(self, **more: Any) -> Settings:
        """Read and check all of them; ``more`` wins.

        Raises:
            SettingsError: One is wrong, or missing.
        """
        return read_settings(**{**self.overrides, **more})

    def origins(self) -> dict[str, Origin]:
        """Return where each setting comes from.

        Raises:
            SettingsError: A file cannot be read.
        """
        return origins(self.overrides) | dict(self.told)


def find(data_dir: Path | None, *, embedded: Path | None) -> Installation:
    """Return the installation that an operator means.

    Args:
        data_dir: The folder of a running `genq up`, named by the operator.
        embedded: The folder to look into if the shell names no database.

    Raises:
        SettingsError: There is no `genq up` where one was named, or its file is gone.
    """
    if data_dir is not None:
        state = running(data_dir)
        if state is None:
            raise SettingsError(f"genq up does not run on {data_dir}")
        return _of(state, data_dir)
    try:
        read_database_url()
    except SettingsError:
        state = None if embedded is None else running(embedded)
        if state is not None and embedded is not None:
            return _of(state, embedded)
    return Installation()


def settings_of(data_dir: Path | None, *, embedded: Path | None) -> Settings:
    """Return all settings of the installation that an operator means, checked.

    Raises:
        SettingsError: No installation is known, or a setting is wrong.
    """
    return find(data_dir, embedded=embedded).settings()


def running(data_dir: Path) -> RunState | None:
    """Return what runs on the folder, if a `genq up` does."""
    state = RunState.read(DataFolder(data_dir.expanduser().absolute()).state_file)
    return state if state is not None and state.supervisor.alive() else None


def _of(state: RunState, data_dir: Path) -> Installation:
    config = state.environment.get(CONFIG_VARIABLE)
    found = _configured(config)
    told = {name: Origin("TOML file", config or "") for name in found}
    for name in Settings.model_fields:
        text = state.environment.get(variable(name))
        if text is not None:
            found[name] = json.loads(text) if text.startswith(("[", "{")) else text
            told[name] = Origin("genq up", str(data_dir))
    return Installation(found, told, data_dir)


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
