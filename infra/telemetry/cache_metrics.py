"""Metrics of answers that are used again."""

from typing import Final

from prometheus_client import Counter

from infra.telemetry.metrics import CACHE_REQUESTS
from schemas.cache import CacheStatus

_ANSWERS: Final = "answers"

BYTES_GIVEN: Final = Counter(
    "genq_cache_given_bytes", "Bytes of pictures that jobs were given instead of made."
)
CACHE_EVICTED: Final = Counter(
    "genq_cache_evicted", "Entries of the cache that went to make room, or in time."
)


def answered(status: CacheStatus) -> None:
    """Count a job for which an earlier answer would do: ``hit``, ``shared`` or ``miss``."""
    CACHE_REQUESTS.labels(_ANSWERS, status.value).inc()
