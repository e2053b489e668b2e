"""Which installation an operator means: the settings of the shell, or a running `genq up`."""

from pathlib import Path
from typing import Final

from infra.settings import Settings, origins, read_database_url, read_settings
from producer.doctor.reach import find, running
from schemas.errors import SettingsError

NO_PEPPER: Final = "0123456789abcdef"
"""The pepper where the shell names none: a command that makes keys must refuse it."""

# What has no default and hardly an operator's command needs.
_STAND_INS: Final = {"object_store": "file:///", "key_pepper": NO_PEPPER}
# Whether the front door is fit for production is judged by who opens it.
_UNJUDGED: Final = {"production": False}
_NEEDED: Final = frozenset(
    {
        "database_url", "broker_url", "valkey_url", "model_servers", "tenant_max_inflight",
        "lane_weights", "lane_caps", "lane_reserved", "session_ttl", "key_pepper",
        "secrets_key",
    }
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
        if embedded is not None and running(embedded) is not None:
            return _of_running(embedded)
        raise SettingsError(
            f"{error.message}\nset GENQ_DATABASE_URL and GENQ_BROKER_URL to those of the"
            " installation, or name the folder of a running genq up: --data-dir"
        ) from None
    given = origins({})
    missing = {n: v for n, v in _STAND_INS.items() if given[n].kind == "default"}
    return read_settings(**_UNJUDGED, **missing)


def _of_running(data_dir: Path) -> Settings:
    if running(data_dir) is None:
        raise SettingsError(f"genq up does not run on {data_dir}; start it, or name another")
    overrides = find(data_dir, embedded=None).overrides
    found = {name: value for name, value in overrides.items() if name in _NEEDED}
    return read_settings(**(_STAND_INS | found | _UNJUDGED))
