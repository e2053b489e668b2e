"""What the headers of an answer tell of the job that made it."""

from typing import Final

from schemas.job import JobRecord
from schemas.job_cache import cache_view

CACHE: Final = "x-genq-cache"


def ended_headers(job: JobRecord) -> dict[str, str]:
    """Return how long a job ran, as OpenAI tells it, and what the cache was to it."""
    told: dict[str, str] = {}
    if job.started_at is not None and job.finished_at is not None:
        took = (job.finished_at - job.started_at).total_seconds()
        told["openai-processing-ms"] = str(max(0, round(took * 1000)))
    cache = cache_view(job.state, job.made)
    return told if cache is None else {**told, CACHE: cache["status"]}
