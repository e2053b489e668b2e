"""The settings that say what an installation is for."""

from pydantic import Field
from pydantic_settings import BaseSettings


class InstallationSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    production: bool = Field(False, description="refuse what is fit for development only")
    allow_simulator: bool = Field(
        False, description="let the simulator be a model server in production"
    )
