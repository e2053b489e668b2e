"""Webhooks: what tenants may register, and how they are reached."""

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from infra.http.forward_proxy import ForwardProxy
from infra.queue_settings import Seconds


class WebhookSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    webhook_endpoints: int = Field(
        500, ge=0, le=1_000, description="registered endpoints per tenant"
    )
    webhook_allow_http: bool = Field(
        False, description="production: endpoints may have http:// URLs"
    )
    webhook_lane_lease: Seconds = Field(
        timedelta(seconds=15), description="what a killed delivery process held is taken over"
    )
    outbound_allow_names: tuple[str, ...] = Field(
        (), description="hosts that webhooks may reach wherever their names lead"
    )
    outbound_proxy: SecretStr | None = Field(
        None,
        description="http://, https:// or socks5://user:password@host:port; it filters then",
    )

    @field_validator("outbound_proxy")
    @classmethod
    def _readable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            ForwardProxy.parse(value.get_secret_value())
        return value
