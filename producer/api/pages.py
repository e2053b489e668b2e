"""Pages of a listing: by key, newest first, so that no page shifts when jobs arrive.

The cursor is the id of the page's last job, the same that OpenAI's clients send as ``after``.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from infra.postgres.list_jobs import Total
from producer.api.job_filters import DEFAULT_LIMIT, LARGEST_LIMIT, PageQuery
from schemas.ids import format_id
from schemas.job import JobRecord, job_view

__all__ = ["DEFAULT_LIMIT", "LARGEST_LIMIT", "page_body", "page_link"]


def page_body(
    jobs: Sequence[JobRecord],
    *,
    has_more: bool,
    public_url: str,
    total: Total | None = None,
) -> dict[str, Any]:
    """Return the JSON form of one page; ``total`` if it was asked for."""
    body: dict[str, Any] = {
        "object": "list",
        "data": [job_view(job, public_url) for job in jobs],
        "has_more": has_more,
        "next": format_id("job", jobs[-1].id) if has_more else None,
    }
    if total is not None:
        body |= {"total_estimate": total.jobs, "total_is_exact": total.exact}
    return body


def page_link(public_url: str, query: PageQuery, cursor: str) -> str:
    """Return the ``Link`` header that leads to the next page (RFC 8288)."""
    asked = [*query.asked, ("after", cursor)]
    return f'<{public_url}/v1/jobs?{urlencode(asked)}>; rel="next"'
