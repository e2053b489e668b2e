"""The words in which operations are told of in the OpenAPI document, which sees raw bytes.

The shapes that they name are in ``producer/api/document_models.py``.
"""

from collections.abc import Sequence
from typing import Any, Final

from producer.api.answer_headers import HEADERS
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.preferences import LONGEST_IDEMPOTENCY_KEY, LONGEST_WAIT_SECONDS
from producer.api.problems import MEDIA_TYPE
from schemas.generation import Kind
from schemas.job_states import JobStatus
from schemas.lanes import Lane

SECURITY_SCHEME: Final = "bearer"
CODES: Final = "x-error-codes"
"""Which errors an answer may be, if its status does not say so."""

TAGS: Final = [
    {"name": "jobs", "description": "Submit generation jobs, follow them, fetch results."},
    {"name": "openai", "description": "OpenAI's endpoints, for its clients as they are."},
    {"name": "batches", "description": "Many requests in a file; OpenAI's own shapes."},
    {"name": "files", "description": "Inputs and outputs of batches; OpenAI's own shapes."},
    {"name": "webhooks", "description": "Who is told of events, and what became of it."},
    {"name": "keys", "description": "Who am I; API keys of one's own tenant."},
    {"name": "safety", "description": "What is checked, and what follows from it."},
    {"name": "privacy", "description": "Export, erase, and forget what was stored of people."},
    {"name": "admin", "description": "Tenants and their keys. Needs the scope admin."},
    {"name": "chat", "description": "What chat platforms and their users call. No key needed."},
    {"name": "operations", "description": "Probes and metrics. No key needed."},
]


def reference(name: str) -> dict[str, str]:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(
    description: str,
    schema: str | None,
    *,
    media_type: str = "application/json",
    headers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return one successful answer of the document."""
    content = {"schema": reference(schema)} if schema else {}
    told: dict[str, Any] = {"description": description, "content": {media_type: content}}
    if headers:
        told["headers"] = {name: HEADERS[name] for name in headers}
    return told


def problems(**reasons: str) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of an operation, as ``_404="no such job"``."""
    return {
        int(status.removeprefix("_")): {
            "description": reason,
            "content": {MEDIA_TYPE: {"schema": reference("Problem")}},
        }
        for status, reason in reasons.items()
    }


def parameter(place: str, name: str, description: str, **schema: Any) -> dict[str, Any]:
    """Return one parameter of the document."""
    return {
        "in": place,
        "name": name,
        "description": description,
        "required": place == "path",
        "schema": {"type": "string", **schema},
    }


JOB_ID: Final = parameter("path", "job_id", "The job's id, job_…", pattern="^job_[0-9a-z]{26}$")
ARTIFACT_INDEX: Final = parameter(
    "path", "index", "Place among the job's artifacts, from 0.", type="integer", minimum=0
)
PREFER: Final = parameter(
    "header",
    "Prefer",
    f"wait=n holds the answer for up to n seconds, {LONGEST_WAIT_SECONDS} at the most, until "
    "the job has ended.",
    examples=["wait=30"],
)
IDEMPOTENCY_KEY: Final = parameter(
    "header",
    "Idempotency-Key",
    "The same key with the same body is the same job, for a day.",
    minLength=1,
    maxLength=LONGEST_IDEMPOTENCY_KEY,
)
LISTING: Final = [
    parameter(
        "query",
        "limit",
        "How many jobs.",
        type="integer",
        minimum=1,
        maximum=LARGEST_LIMIT,
        default=DEFAULT_LIMIT,
    ),
    parameter("query", "after", "The 'next' of the page before."),
    parameter("query", "status", "Only jobs of this status.", enum=list(JobStatus)),
    parameter("query", "lane", "Only jobs of this lane.", enum=list(Lane)),
    parameter("query", "kind", "Only jobs of this kind.", enum=list(Kind)),
]
