"""The settings that say what an installation is for."""

from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from infra.queue_settings import Seconds


class InstallationSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    production: bool = Field(False, description="refuse what is fit for development only")
    allow_simulator: bool = Field(
        False, description="let the simulator be a model server in production"
    )
    audit_key: SecretStr | None = Field(
        None, description="signs the audit log's anchors: 32 bytes in base64; else the pepper"
    )
    secrets_key: SecretStr | None = Field(
        None,
        description="seals stored secrets: 32 bytes in base64, newest first, older ones after "
        "commas; else the pepper",
    )
    encrypt_content: bool = Field(
        True, description="prompts, results and files are sealed where they lie (AES-256-GCM)"
    )
    audit_anchor_every: Seconds = Field(
        timedelta(minutes=15), description="heads of the audit log are signed"
    )
