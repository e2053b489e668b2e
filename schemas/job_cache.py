"""What callers are told of the cache's part in a job."""

from collections.abc import Mapping
from typing import Any, Final

from schemas.cache import CacheStatus
from schemas.job_states import JobState

_OFF: Final = {"status": CacheStatus.OFF.value, "of": None}


def cache_view(state: JobState, made: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fields of ``schemas.cache.JobCacheView``; ``None``: the job made nothing."""
    if state is not JobState.SUCCEEDED or made.get("erased"):
        return None
    return dict(made.get("cache") or _OFF)
