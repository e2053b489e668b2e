"""What the children are told: what embedding demands, the user's own, then defaults."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from infra.settings import CLI_VARIABLES, CONFIG_VARIABLE, PREFIX, Settings, read_settings

SIMULATOR_MODELS: Final = (
    {"name": "sim-image-1", "kind": "image"},
    {"name": "sim-chat-1", "kind": "chat"},
    {"name": "sim-embedding-1", "kind": "embedding"},
    {"name": "sim-speech-1", "kind": "speech"},
    {"name": "sim-chat-1", "kind": "completion"},
    {"name": "sim-image-1", "kind": "image_edit"},
    {"name": "sim-upscale-1", "kind": "image_edit", "skills": {"upscales": "size"}},
)
SEEING_MODEL: Final = "sim-chat-1"
LOOPBACK: Final = "127.0.0.0/8"
_DRAIN_SECONDS: Final = 5
# A user's own value of these would lead away from the embedded servers.
_SERVERS: Final = ("database_url", "broker_url", "valkey_url")
# libpq, Celery and systemd take orders from these, meant for other programs than ours.
_FOREIGN: Final = ("PG", "CELERY_", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID")


class _Given(Settings):
    """Reads what the user has set, complete or not."""

    database_url: SecretStr = SecretStr("")
    broker_url: SecretStr = SecretStr("")
    object_store: str = ""
    key_pepper: SecretStr = SecretStr("")


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """What every child is told.

    Attributes:
        settings: The same as a child will read them.
        environment: The whole environment of a child.
        ignored: Variables of the user that embedding overrules.
        simulated: Whether the simulator is the only model server.
    """

    settings: Settings
    environment: Mapping[str, str]
    ignored: tuple[str, ...]
    simulated: bool

    def own_variables(self) -> Mapping[str, str]:
        """Return the ``GENQ_*`` part of the environment."""
        return {n: v for n, v in self.environment.items() if n.startswith(PREFIX)}


def given_by_user(**required: Any) -> Settings:
    """Return the user's settings; ``model_fields_set`` tells which there are.

    Args:
        required: Stand-ins for what has no default.

    Raises:
        SettingsError: Something in them is wrong.
    """
    read_settings(**required)
    nothing: dict[str, Any] = {}
    return _Given(**nothing)


def build_child_settings(
    inherited: Mapping[str, str],
    given: Settings,
    *,
    demanded: Mapping[str, Any],
    object_store: str,
    simulator_url: str,
    public_url: str,
) -> ChildSettings:
    """Return the settings of the children.

    Args:
        inherited: The environment of the supervisor.
        given: What the user has set, from ``given_by_user``.
        demanded: Settings that win over the user's, by field.
        object_store: Used if the user names no other.
        simulator_url: Where the simulator would answer, with ``/v1``.
        public_url: Where clients reach the API, if the user does not say.

    Raises:
        SettingsError: The user's settings and the demanded ones contradict.
    """
    set_by_user = given.model_fields_set
    offered: dict[str, Any] = {
        "object_store": object_store,
        "public_url": public_url,
        "outbound_allow": [LOOPBACK],
        "drain_grace": _DRAIN_SECONDS,
        "model_servers": [
            {"name": "simulator", "base_url": simulator_url, "models": SIMULATOR_MODELS}
        ],
    }
    ours = {n: v for n, v in offered.items() if n not in set_by_user} | dict(demanded)
    simulated = "model_servers" in ours
    if simulated:
        # The simulator is never the narrow place.
        slots = int(ours.get("slots", given.slots))
        ours["model_servers"][0]["concurrency"] = max(slots, 256)
        if "describe_model" not in set_by_user:
            ours["describe_model"] = SEEING_MODEL
    environment = {n: v for n, v in inherited.items() if not _is_foreign(n)}
    for name, value in ours.items():
        environment.pop(_variable(name) + "_FILE", None)
        environment[_variable(name)] = value if isinstance(value, str) else json.dumps(value)
    if config := environment.get(CONFIG_VARIABLE):
        # Commands that are run elsewhere look for it too.
        environment[CONFIG_VARIABLE] = str(Path(config).absolute())
    ignored = [_variable(name) for name in _SERVERS if name in set_by_user]
    return ChildSettings(read_settings(**ours), environment, tuple(ignored), simulated)


def metrics_environment(
    environment: Mapping[str, str], settings: Settings, number: int
) -> Mapping[str, str]:
    """Give each of several processes on one machine a metrics port of its own."""
    if not settings.metrics_port:
        return environment
    return {**environment, _variable("metrics_port"): str(settings.metrics_port + number)}


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _is_foreign(name: str) -> bool:
    return name.startswith(_FOREIGN) or name in CLI_VARIABLES
