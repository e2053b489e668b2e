"""The query of a job listing, as the OpenAPI document tells of it."""

from typing import Any, Final

from producer.api.document import LISTING, parameter
from schemas.generation import Kind
from schemas.job_request import MAX_TAG_CHARACTERS, MAX_TAGS
from schemas.job_states import JobStatus
from schemas.lanes import Lane

_PAGING: Final = [told for told in LISTING if told["name"] in {"limit", "after"}]


def _several(name: str, description: str, most: int, **item: Any) -> dict[str, Any]:
    items = {"type": "string", **item}
    return parameter("query", name, description, type="array", maxItems=most, items=items)


def _word(name: str, description: str) -> dict[str, Any]:
    return parameter("query", name, description, minLength=1, maxLength=128)


def _instant(name: str, description: str) -> dict[str, Any]:
    return parameter("query", name, description, format="date-time")


JOB_LISTING: Final = [
    *_PAGING,
    parameter(
        "query",
        "count",
        "estimate: tell how many jobs fit in all; exactly up to 10,000.",
        enum=["estimate"],
    ),
    _several("status", "One of these.", len(JobStatus), enum=list(JobStatus)),
    _several("lane", "One of these.", len(Lane), enum=list(Lane)),
    _several("kind", "One of these.", len(Kind), enum=list(Kind)),
    _word("model", "Of this model."),
    _several("tag", "All of these.", MAX_TAGS, minLength=1, maxLength=MAX_TAG_CHARACTERS),
    _word("end_user", "Asked for by this end user."),
    _word("error_code", "Ended with this error."),
    parameter(
        "query",
        "attempts_min",
        "Started at least as often.",
        type="integer",
        minimum=0,
        maximum=1_000_000,
    ),
    _instant("created_after", "Submitted at this instant or later."),
    _instant("created_before", "Submitted before this instant."),
    parameter("query", "schedule_id", "Of this schedule, sched_…"),
    parameter("query", "batch_id", "Of this batch, batch_…"),
    {
        "in": "query",
        "name": "metadata",
        "description": "metadata.<key>=<value>: it carries this, among others; all of them.",
        "required": False,
        "style": "form",
        "explode": True,
        "schema": {
            "type": "object",
            "patternProperties": {"^metadata\\..+$": {"type": "string", "maxLength": 512}},
            "additionalProperties": False,
        },
    },
]
