"""How long it is kept who used what."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.queue_settings import Seconds


class UsageSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    usage_retention: Seconds = Field(
        timedelta(days=400), description="what was used and charged is kept, by the hour"
    )
