"""Pages of a listing: by key, newest first, so that no page shifts when jobs arrive.

The cursor is the id of the page's last job, the same that OpenAI's clients send as ``after``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from producer.api.bodies import did_you_mean
from schemas.errors import FieldError, InputError
from schemas.generation import Kind
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.job import JobRecord, job_view
from schemas.job_states import JobStatus
from schemas.lanes import Lane

DEFAULT_LIMIT: Final = 20
LARGEST_LIMIT: Final = 200

_NAMES: Final = ("after", "kind", "lane", "limit", "status")

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page is wanted; ``after`` is the last job of the page before."""

    limit: int = DEFAULT_LIMIT
    after: UUID | None = None
    status: JobStatus | None = None
    lane: Lane | None = None
    kind: Kind | None = None


def read_page_query(query: QueryParams) -> PageQuery:
    """Return the page that the query asks for.

    Raises:
        InputError: An unknown parameter or an unacceptable value; every fault is named.
    """
    faults: list[FieldError] = []

    def refuse(name: str, message: str) -> None:
        faults.append(FieldError(f"/query/{name}", message))

    for name in query:
        if name not in _NAMES:
            refuse(name, f"unknown parameter; {did_you_mean(name, _NAMES)}")
    limit = query.get("limit", str(DEFAULT_LIMIT))
    small = limit.isascii() and limit.isdigit() and len(limit) <= len(str(LARGEST_LIMIT))
    if not small or not 1 <= int(limit) <= LARGEST_LIMIT:
        refuse("limit", f"must be a number from 1 to {LARGEST_LIMIT}")
    after = None
    try:
        after = parse_id("job", query["after"]) if "after" in query else None
    except InvalidIdError:
        refuse("after", "must be the 'next' of the page before")
    status = _choice(query, "status", JobStatus, refuse)
    lane = _choice(query, "lane", Lane, refuse)
    kind = _choice(query, "kind", Kind, refuse)
    if faults:
        raise InputError("the query is not acceptable", fields=faults)
    return PageQuery(limit=int(limit), after=after, status=status, lane=lane, kind=kind)


def _choice(
    query: QueryParams,
    name: str,
    options: type[Choice],
    refuse: Callable[[str, str], None],
) -> Choice | None:
    if name not in query:
        return None
    try:
        return options(query[name])
    except ValueError:
        refuse(name, f"must be one of {', '.join(options)}")
        return None


def page_body(jobs: Sequence[JobRecord], *, has_more: bool, public_url: str) -> dict[str, Any]:
    """Return the JSON form of one page."""
    return {
        "object": "list",
        "data": [job_view(job, public_url) for job in jobs],
        "has_more": has_more,
        "next": format_id("job", jobs[-1].id) if has_more else None,
    }


def page_link(public_url: str, query: PageQuery, cursor: str) -> str:
    """Return the ``Link`` header that leads to the next page (RFC 8288)."""
    asked = {
        "limit": query.limit,
        "status": query.status,
        "lane": query.lane,
        "kind": query.kind,
        "after": cursor,
    }
    given = {name: str(value) for name, value in asked.items() if value is not None}
    return f'<{public_url}/v1/jobs?{urlencode(given)}>; rel="next"'
