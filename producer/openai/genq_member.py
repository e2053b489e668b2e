"""The member ``genq`` of OpenAI's answers: what only genq knows of the job behind them."""

from datetime import datetime
from typing import Any

from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.job_cache import cache_view
from schemas.job_safety import safety_view
from schemas.job_states import status_of


def genq_member(job: JobRecord, public_url: str) -> dict[str, Any]:
    """Return what is told of ``job``: where it is found, how it fared, what checks said.

    Args:
        job: What is known.
        public_url: Where clients reach the API, without a final slash.
    """
    url = f"{public_url}/v1/jobs/{format_id('job', job.id)}"
    return {
        "job_id": format_id("job", job.id),
        "status": status_of(job.state).value,
        "lane": job.lane.value,
        "priority": job.priority,
        "attempts": job.attempts,
        "queued_seconds": _seconds(job.created_at, job.started_at),
        "running_seconds": _seconds(job.started_at, job.finished_at),
        "cache": cache_view(job.state, job.made),
        "safety": safety_view(job.verdict, job.state, url),
        "url": url,
    }


def shown_id(prefix: str, job: JobRecord) -> str:
    """Return the id that OpenAI's answer has: made of the job's own, so that no table maps it.

    Args:
        prefix: With its joint: ``chatcmpl-``, ``resp_``.
        job: Whose key it carries.
    """
    return prefix + format_id("job", job.id).partition("_")[2]


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    if begin is None or end is None:
        return None
    return round(max(0.0, (end - begin).total_seconds()), 3)
