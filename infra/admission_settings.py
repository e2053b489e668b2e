"""The settings of admission: what a request may be, and how many of them."""

from pydantic import Field
from pydantic_settings import BaseSettings


class AdmissionSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    calls_per_minute: int = Field(
        0, ge=0, le=60_000_000, description="of a tenant without a number of its own; 0: any"
    )
    max_prompt_chars: int = Field(
        1_000_000, ge=1, description="text of one job: its prompt, or all of its messages"
    )
    max_open_batches: int = Field(
        100, ge=1, description="of one tenant under way at once; more are refused with 429"
    )
