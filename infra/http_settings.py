"""How the API meets its clients' connections."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings


class HttpSettings(BaseSettings):
    """Address, limits and TLS of the API's own listener: a part of ``infra.settings``."""

    api_host: str = Field("127.0.0.1", description="address the API listens on")
    api_port: int = Field(8080, ge=0, le=65535, description="port the API listens on")
    max_body_bytes: int = Field(1 << 20, ge=1024, description="largest request body")
    max_bulk_bytes: int = Field(
        8 << 20, ge=1024, description="largest body of POST /v1/jobs/bulk"
    )
    api_max_connections: int = Field(
        4096, ge=1, description="connections at once per API process"
    )
    api_tls_cert: Path | None = Field(
        None, description="PEM chain; the API then speaks https itself"
    )
    api_tls_key: Path | None = Field(None, description="PEM key of the certificate")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.api_tls_cert is None) != (self.api_tls_key is None):
            raise ValueError("api_tls_cert and api_tls_key go together")
        return self
