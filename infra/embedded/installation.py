"""What one start of `genq up` works with, decided before anything is started."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.embedded.addresses import LOOPBACK, claim_port, url_of
from infra.embedded.child_settings import ChildSettings, build_child_settings, given_by_user
from infra.embedded.credentials import Credentials, read_or_make_credentials
from infra.embedded.data_folder import DataFolder
from infra.embedded.postgres import url_of_cluster
from infra.embedded.valkey import valkey_url
from infra.settings import Settings

# What the user need not say, while it is found out what the user does say.
_STAND_INS: Final = {
    "database_url": "postgresql://",
    "broker_url": "redis://",
    "object_store": "file:///",
    "key_pepper": "0123456789abcdef",
    # Judged when all is known.
    "production": False,
}


@dataclass(frozen=True, slots=True)
class UpOptions:
    """The command line of `genq up`; ``None`` leaves it to the settings."""

    data_dir: Path
    host: str | None = None
    port: int | None = None
    slots: int | None = None
    as_json: bool = False
    profile_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """An embedded genq that is about to run.

    Attributes:
        url: Where the API answers, as seen from this machine.
        valkey_port: On loopback, the same for as long as this start lives.
        simulator_port: Likewise; 0 if the user has model servers.
    """

    folder: DataFolder
    credentials: Credentials
    told: ChildSettings
    url: str
    valkey_port: int
    simulator_port: int


def prepare_installation(
    options: UpOptions, inherited: Mapping[str, str], folder: DataFolder
) -> Installation:
    """Settle secrets, ports and settings.

    Args:
        options: The command line.
        inherited: The environment of this process.
        folder: Held by this process.

    Raises:
        SettingsError: A setting is wrong, or the API's port is taken.
    """
    given = given_by_user(**_STAND_INS)
    credentials = read_or_make_credentials(folder.credentials_file)
    host = given.api_host if options.host is None else options.host
    port = claim_port(host, given.api_port if options.port is None else options.port)
    valkey_port = claim_port(LOOPBACK, 0, but={port})
    simulator_port = claim_port(LOOPBACK, 0, but={port, valkey_port})
    url = url_of(host, port)
    told = build_child_settings(
        inherited,
        given,
        demanded=_demanded(options, given, folder, credentials, valkey_port)
        | {"api_host": host, "api_port": port},
        object_store=folder.objects.as_uri(),
        simulator_url=f"{url_of(LOOPBACK, simulator_port)}/v1",
        public_url=url,
    )
    return Installation(
        folder, credentials, told, url, valkey_port, simulator_port if told.simulated else 0
    )


def _demanded(
    options: UpOptions,
    given: Settings,
    folder: DataFolder,
    credentials: Credentials,
    valkey_port: int,
) -> dict[str, str | int]:
    broker = valkey_url(valkey_port, credentials.valkey_password)
    demanded: dict[str, str | int] = {
        "database_url": url_of_cluster(folder.postgres),
        "broker_url": broker,
        "valkey_url": broker,
    }
    if "key_pepper" not in given.model_fields_set:
        demanded["key_pepper"] = credentials.key_pepper
    if options.slots is not None:
        demanded["slots"] = options.slots
    return demanded
