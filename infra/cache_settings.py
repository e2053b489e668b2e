"""Whether answers are used again, how many are kept and for how long."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.queue_settings import Seconds


class CacheCharge(StrEnum):
    """What a job costs whose output was made before."""

    NONE = "none"
    FULL = "full"


class CacheSettings(BaseSettings):
    """A part of ``infra.settings.Settings``, in a file of its own."""

    cache: bool = Field(
        True, description="identical jobs share one answer; see the field cache of jobs"
    )
    cache_ttl: Seconds = Field(timedelta(days=7), description="an answer is used again")
    cache_max_bytes: int = Field(
        10 << 30, ge=0, description="of results that are used again; the oldest-used go first"
    )
    cache_charge: CacheCharge = Field(
        CacheCharge.NONE, description="what a job costs that was answered from the cache"
    )
