"""The settings of safety that no policy holds."""

from pydantic import Field
from pydantic_settings import BaseSettings


class SafetySettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    safety_single_operator: bool = Field(
        False, description="one person alone may change floors and levels of policies"
    )
