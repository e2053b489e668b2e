"""The settings of safety that no policy holds."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class SafetySettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    safety_single_operator: bool = Field(
        False, description="one person alone may change floors and levels of policies"
    )
    openai_moderation_key: SecretStr | None = Field(
        None, description="key of OpenAI's moderation; without it and a URL nobody is asked"
    )
    openai_moderation_url: str = Field(
        "", description="base URL of another server that speaks it, such as LocalAI"
    )
    openai_moderation_model: str = Field(
        "omni-moderation-2024-09-26", min_length=1, description="the moderation model"
    )
    safety_minilm: Path | None = Field(
        None, description="folder that `genq models fetch minilm` printed: a second opinion"
    )
