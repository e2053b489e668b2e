"""Where objects are kept."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class ObjectStoreSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    object_store: str = Field(
        description="file:///folder, or s3://bucket/prefix", pattern=r"^(file:///|s3://)"
    )
    s3_endpoint: str | None = Field(None, description="for stores other than AWS")
    s3_region: str = Field("us-east-1", description="signing region")
    s3_access_key: SecretStr | None = Field(None, description="AWS's own chain if not set")
    s3_secret_key: SecretStr | None = Field(None, description="goes with the access key")

    @model_validator(mode="after")
    def _both_keys_or_none(self) -> Self:
        if (self.s3_access_key is None) != (self.s3_secret_key is None):
            raise ValueError("s3_access_key and s3_secret_key go together")
        return self
