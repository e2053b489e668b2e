"""How results say that a machine made them."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings


class ProvenanceSettings(BaseSettings):
    """Marks on pictures, and who signs them: a part of ``infra.settings``."""

    provenance: bool = Field(
        True, description="mark pictures, and keep fingerprints of results"
    )
    provider_name: str = Field(
        "genq",
        min_length=1,
        max_length=200,
        description="who provides the system, in manifests",
    )
    c2pa_certificate: SecretStr | None = Field(
        None, description="PEM chain, leaf first; else a development certificate of genq's own"
    )
    c2pa_key: SecretStr | None = Field(None, description="PEM key of the certificate")
    c2pa_trust_anchors: SecretStr | None = Field(
        None, description="PEM roots that POST /v1/verify calls trusted"
    )

    @model_validator(mode="after")
    def _signer_whole(self) -> Self:
        if (self.c2pa_certificate is None) != (self.c2pa_key is None):
            raise ValueError("c2pa_certificate and c2pa_key go together")
        return self
