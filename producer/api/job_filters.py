"""The query of a listing: which jobs, which page of them, and whether they are counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError
from starlette.datastructures import QueryParams

from producer.api.bodies import did_you_mean, field_errors
from schemas.errors import FieldError, InputError
from schemas.generation import Kind
from schemas.ids import InvalidIdError, parse_id
from schemas.job_filter import JobFilter
from schemas.job_states import JobStatus
from schemas.lanes import Lane

DEFAULT_LIMIT: Final = 20
LARGEST_LIMIT: Final = 200

_METADATA: Final = "metadata."
_CHOICES: Final[dict[str, type[StrEnum]]] = {"status": JobStatus, "lane": Lane, "kind": Kind}
_LISTS: Final = (*_CHOICES, "tag")
_PAGING: Final = ("after", "count", "limit")
_FILTERS: Final = tuple(name for name in JobFilter.model_fields if name != "metadata")
# Of so many, some are unknown, or there is more metadata than a job can carry.
_MOST_NAMES: Final = 100
_KNOWN: Final = (*_FILTERS, *_PAGING, f"{_METADATA}<key>")

_Refuse = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Which page is wanted.

    Attributes:
        after: The last job of the page before.
        counted: Whether the caller would like to know how many fit in all.
        asked: The query itself, without ``after``, for the link to the next page.
    """

    limit: int = DEFAULT_LIMIT
    after: UUID | None = None
    counted: bool = False
    wanted: JobFilter = field(default_factory=JobFilter)
    asked: Sequence[tuple[str, str]] = ()


def read_page_query(query: QueryParams) -> PageQuery:
    """Return the page that the query asks for.

    Raises:
        InputError: An unknown parameter or an unacceptable value; every fault is named.
    """
    faults: list[FieldError] = []

    def refuse(name: str, message: str) -> None:
        faults.append(FieldError(f"/query/{name}", message))

    for name in islice(dict.fromkeys(query), _MOST_NAMES):
        if not (name in (*_FILTERS, *_PAGING) or name.startswith(_METADATA)):
            refuse(name, f"unknown parameter; {did_you_mean(name, _KNOWN)}")
        elif name not in _LISTS and len(query.getlist(name)) > 1:
            refuse(name, "must be given once")
    limit = _limit(query, refuse)
    after = _cursor(query, refuse)
    if query.get("count", "estimate") != "estimate":
        refuse("count", "must be 'estimate'")
    wanted = _filter(query, refuse)
    if faults or wanted is None:
        raise InputError("the query is not acceptable", fields=faults)
    asked = [(name, value) for name, value in query.multi_items() if name != "after"]
    return PageQuery(limit, after, "count" in query, wanted, asked)


def _limit(query: QueryParams, refuse: _Refuse) -> int:
    limit = query.get("limit", str(DEFAULT_LIMIT))
    small = limit.isascii() and limit.isdigit() and len(limit) <= len(str(LARGEST_LIMIT))
    if not small or not 1 <= int(limit) <= LARGEST_LIMIT:
        refuse("limit", f"must be a number from 1 to {LARGEST_LIMIT}")
        return DEFAULT_LIMIT
    return int(limit)


def _cursor(query: QueryParams, refuse: _Refuse) -> UUID | None:
    try:
        return parse_id("job", query["after"]) if "after" in query else None
    except InvalidIdError:
        refuse("after", "must be the 'next' of the page before")
        return None


def _filter(query: QueryParams, refuse: _Refuse) -> JobFilter | None:
    given: dict[str, Any] = {
        name: query[name] for name in _FILTERS if name in query and name not in _LISTS
    }
    if "tag" in query:
        given["tag"] = query.getlist("tag")
    for name, options in _CHOICES.items():
        words = [word for value in query.getlist(name) for word in value.split(",")]
        if any(word not in set(options) for word in words):
            refuse(name, f"must be one of {', '.join(options)}")
        elif words:
            given[name] = tuple(dict.fromkeys(words))
    metadata = {
        name.removeprefix(_METADATA): query[name]
        for name in query
        if name.startswith(_METADATA)
    }
    try:
        return JobFilter.model_validate(given | {"metadata": metadata})
    except ValidationError as error:
        for fault in field_errors(error, JobFilter):
            refuse(_parameter(fault.pointer), fault.message)
        return None


def _parameter(pointer: str) -> str:
    """Return the name of the parameter that ``/tag/0`` or ``/metadata/order`` came from."""
    first, _, rest = pointer.lstrip("/").partition("/")
    return f"{first}.{rest.partition('/')[0]}" if first == "metadata" and rest else first
