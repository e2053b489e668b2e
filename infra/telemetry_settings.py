"""The settings of what an operator sees: metrics, traces, who is named in logs."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode


def _split(value: Any) -> Any:
    """Let ``a,b`` stand for a list beside ``["a", "b"]`` of a TOML file."""
    if isinstance(value, str):
        return [
            part.strip().strip("\"'") for part in value.strip("[]").split(",") if part.strip()
        ]
    return value


class TelemetrySettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    metrics_token: SecretStr | None = Field(
        None, min_length=8, description="asked of whoever reads the API's `/metrics`"
    )
    metrics_tenants: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        (), max_length=50, description="tenants with series of their own, e.g. `acme,globex`"
    )
    traces: Literal["auto", "off", "otlp", "console"] = Field(
        "auto", description="auto: if `OTEL_EXPORTER_OTLP_ENDPOINT` is set"
    )
    log_end_users: bool = Field(False, description="log end users by name, not by pseudonym")
