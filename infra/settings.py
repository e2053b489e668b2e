"""The settings: read once per process at its entry, validated together, handed down.

Order, first wins: arguments, ``GENQ_*`` environment, ``GENQ_*_FILE`` (secrets mounted as
files), ``.env``, the TOML file that ``GENQ_CONFIG`` names, defaults.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnparsedError

from infra.action_settings import ActionSettings
from infra.admission_settings import AdmissionSettings
from infra.batch_settings import BatchSettings
from infra.cache_settings import CacheSettings
from infra.chat_settings import ChatSettings
from infra.facade_settings import FacadeSettings
from infra.file_settings import FileSettings
from infra.http_settings import HttpSettings
from infra.installation_settings import InstallationSettings
from infra.object_store_settings import ObjectStoreSettings
from infra.picture_settings import PictureSettings
from infra.production import leftovers
from infra.provenance_settings import ProvenanceSettings
from infra.queue_settings import QueueSettings, Seconds
from infra.safety_settings import SafetySettings
from infra.setting_faults import PREFIX, explain, explain_unparsed, suggest, variable
from infra.telemetry_settings import TelemetrySettings
from infra.usage_settings import UsageSettings
from infra.webhook_settings import WebhookSettings
from schemas.errors import SettingsError
from schemas.lanes import Lane

ENV_FILE: Final = ".env"
CONFIG_VARIABLE: Final = "GENQ_CONFIG"
# Read by the command line, in genq/cli, never by a service process.
CLI_VARIABLES: Final = frozenset(
    {"GENQ_API_KEY", "GENQ_URL", "GENQ_PROFILE", "GENQ_WEBHOOK_SECRET"}
)


class _DatabaseSettings(BaseSettings):
    """What migrations need: they run before the rest of an installation is configured."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", frozen=True, populate_by_name=True
    )

    # --- where things are
    database_url: SecretStr = Field(description="PostgreSQL 18 or newer, postgresql://…")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add mounted secrets and the TOML file."""
        del file_secret_settings
        sources = [init_settings, env_settings, _SecretFiles(settings_cls), dotenv_settings]
        config = os.environ.get(CONFIG_VARIABLE)
        if config:
            sources.append(TomlConfigSettingsSource(settings_cls, Path(config)))
        return tuple(sources)


class Settings(
    QueueSettings,
    ActionSettings,
    AdmissionSettings,
    HttpSettings,
    TelemetrySettings,
    InstallationSettings,
    WebhookSettings,
    SafetySettings,
    ProvenanceSettings,
    FileSettings,
    PictureSettings,
    FacadeSettings,
    ObjectStoreSettings,
    BatchSettings,
    CacheSettings,
    ChatSettings,
    UsageSettings,
    _DatabaseSettings,
):
    """Everything an operator can decide. Each field is the variable ``GENQ_<NAME>``."""

    # --- where things are
    database_pool_size: int = Field(10, ge=1, description="connections per process")
    broker_url: SecretStr = Field(
        description="of the Celery lanes: redis:// (Valkey, Redis), sentinel://, or amqp://"
    )
    valkey_url: SecretStr | None = Field(
        None, description="redis:// or sentinel:// for doorbells; the broker's if not set"
    )
    public_url: str = Field("http://127.0.0.1:8080", description="where clients reach the API")
    key_pepper: SecretStr = Field(min_length=16, description="keys the digests of API keys")

    # --- the worker
    slots: int = Field(200, ge=1, le=10_000, description="jobs at once per worker process")
    lanes: tuple[Lane, ...] = Field(
        tuple(Lane), min_length=1, description="lanes a worker takes"
    )
    drain_grace: Seconds = Field(timedelta(seconds=30), description="finish before stopping")

    # --- delivery
    outbound_allow: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="private networks that webhooks may reach, as CIDRs"
    )
    webhook_timeout: Seconds = Field(timedelta(seconds=15), description="one whole attempt")

    # --- housekeeping and telemetry
    retention: Seconds = Field(timedelta(days=30), description="finished jobs are kept")
    idempotency_ttl: Seconds = Field(timedelta(hours=24), description="keys are remembered")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: by TTY")
    log_prompts: bool = Field(False, description="write prompts to the log")
    metrics_port: int = Field(0, ge=0, le=65535, description="dispatch, work, deliver; 0: none")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.valkey_url is None and self.broker_url.get_secret_value().startswith("amqp"):
            raise ValueError("valkey_url: doorbells need Valkey beside RabbitMQ: redis://…")
        return self

    def doorbell_url(self) -> str:
        """Return the Valkey that carries doorbells."""
        return (self.valkey_url or self.broker_url).get_secret_value()


class _SecretFiles(PydanticBaseSettingsSource):
    """``GENQ_X_FILE`` names a file that holds the value of ``GENQ_X``."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        value: Any = _text_of(path).strip()
        if self.field_is_complex(field):
            try:
                value = self.decode_complex_value(field_name, field, value)
            except ValueError as error:
                raise UnparsedError(f'field "{field_name}"') from error
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in found.items() if value is not None}


_Read = TypeVar("_Read", bound=BaseSettings)


def read_settings(**overrides: Any) -> Settings:
    """Read the settings of this process; called once, at its entry.

    Raises:
        SettingsError: Unknown, missing or contradicting settings, all of them named; or, in
            production, what is fit for development only.
    """
    settings = _read(Settings, overrides)
    left = leftovers(settings) if settings.production else []
    if left:
        raise SettingsError("\n".join(f"{one} (GENQ_PRODUCTION=true)" for one in left))
    return settings


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a setting comes from.

    Attributes:
        kind: What sort of place it is.
        place: The variable, or the file.
    """

    kind: Literal[
        "argument", "environment", "secret file", ".env", "TOML file", "default", "genq up"
    ]
    place: str = ""


_DEFAULT: Final = Origin("default")


def origins(overrides: Mapping[str, Any]) -> dict[str, Origin]:
    """Return where ``read_settings(**overrides)`` finds each setting, right or wrong.

    Raises:
        SettingsError: A file cannot be read.
    """
    config = os.environ.get(CONFIG_VARIABLE)
    variables = {name.upper() for name in os.environ}
    try:
        in_env_file = _names_in_env_file(Settings, overrides)
        in_config: set[str] = set(tomllib.loads(_text_of(config))) if config else set()
    except OSError as error:
        raise SettingsError(f"cannot read {error.filename}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{config}: not valid TOML: {error}") from None

    def origin(field: str) -> Origin:
        name = variable(field)
        if field in overrides:
            return Origin("argument")
        if name in variables:
            return Origin("environment", name)
        if file := os.environ.get(name + "_FILE"):
            return Origin("secret file", file)
        if name in in_env_file:
            return Origin(".env", ENV_FILE)
        return Origin("TOML file", config) if config and field in in_config else _DEFAULT

    return {field: origin(field) for field in Settings.model_fields}


def read_database_url() -> str:
    """Read where the database is, and nothing else, by the same rules as ``read_settings``.

    Raises:
        SettingsError: ``GENQ_DATABASE_URL`` is missing, or an unknown setting is present.
    """
    return _read(_DatabaseSettings, {}).database_url.get_secret_value()


def _read(kind: type[_Read], overrides: Mapping[str, Any]) -> _Read:
    config = os.environ.get(CONFIG_VARIABLE)
    try:
        _refuse_unknown_variables([*os.environ, *_names_in_env_file(kind, overrides)])
        if config:
            _refuse_unknown_keys(config)
        return kind(**overrides)
    except ValidationError as error:
        raise SettingsError(explain(error)) from None
    except UnparsedError as error:
        raise SettingsError(explain_unparsed(error)) from None
    except OSError as error:
        raise SettingsError(f"cannot read {error.filename}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{config}: not valid TOML: {error}") from None


def otlp_endpoint() -> str | None:
    """Return where OpenTelemetry's own variables, which its SDK reads, send traces."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text") from None


def _names_in_env_file(kind: type[BaseSettings], overrides: Mapping[str, Any]) -> set[str]:
    file = overrides.get("_env_file", ENV_FILE)
    try:
        return {name.upper() for name in DotEnvSettingsSource(kind, env_file=file).env_vars}
    except UnicodeDecodeError:
        raise SettingsError(f"{file}: not UTF-8 text") from None


def _refuse_unknown_variables(names: Iterable[str]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known |= {name + "_FILE" for name in known} | {CONFIG_VARIABLE} | CLI_VARIABLES
    unknown = {name for name in names if name.startswith(PREFIX)} - known
    if unknown:
        raise SettingsError("; ".join(suggest(name, known) for name in sorted(unknown)))


def _refuse_unknown_keys(config: str) -> None:
    keys = tomllib.loads(_text_of(config))
    known = set(Settings.model_fields)
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise SettingsError(f"{config}: " + "; ".join(suggest(key, known) for key in unknown))
