"""The OpenAPI document: what FastAPI cannot see, as the routes read and write raw bytes."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from producer.api.answer_headers import HEADERS
from producer.api.examples import CHAT_REQUEST, IMAGE_REQUEST, JOB, PROBLEM
from producer.api.illustrate import illustrate
from producer.api.openai_models import OPENAI_REQUESTS, OPENAI_VIEWS
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.preferences import LONGEST_IDEMPOTENCY_KEY, LONGEST_WAIT_SECONDS
from producer.api.privacy_models import PRIVACY_REQUESTS, PRIVACY_VIEWS
from producer.api.problems import MEDIA_TYPE
from producer.api.safety_models import SAFETY_REQUESTS, SAFETY_VIEWS
from producer.api.webhook_models import WEBHOOK_REQUESTS, WEBHOOK_VIEWS
from schemas.api_key import KeyPage, KeyRequest, KeyRotation, KeyView, NewKeyView
from schemas.audit_views import AuditPage
from schemas.budget import BudgetBody, BudgetList
from schemas.bulk import BulkRequest, BulkView
from schemas.cancel_request import CancelReport, CancelRequest
from schemas.dead_letter import RedriveRequest
from schemas.dead_letter_views import (
    DeadLetterDetailView,
    DeadLetterGroups,
    DeadLetterPage,
    RedriveView,
)
from schemas.estimate import EstimateView
from schemas.generation import INPUTS, Kind
from schemas.job import JobRequest, JobView
from schemas.job_action import JobActionReport, JobActionRequest
from schemas.job_states import JobStatus
from schemas.lanes import Lane
from schemas.live_views import JOB_EVENTS, FeedEvent, FeedPage
from schemas.moderation import ModerationRequest, ModerationView
from schemas.retry import RetryRequest
from schemas.schedule import (
    ScheduleChange,
    SchedulePage,
    ScheduleRequest,
    ScheduleRunPage,
    ScheduleView,
)
from schemas.stored_file import FileDeletedView, FilePage, FileUpload, FileView
from schemas.tenant_plan import PlanChange
from schemas.tenant_views import (
    NewTenantView,
    OwnTenantView,
    TenantPage,
    TenantRequest,
    TenantView,
    WebhookSecretView,
)

SECURITY_SCHEME: Final = "bearer"

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
    {"name": "operations", "description": "Probes and metrics. No key needed."},
]


class FieldFault(BaseModel):
    """One fault in a request: where (JSON pointer; ``/query/…``, ``/headers/…``) and what."""

    pointer: str
    message: str
    rule: str | None = None


class OpenAIError(BaseModel):
    """The same error as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None
    code: str


class Problem(BaseModel):
    """Any error of this API (RFC 9457); some codes bring members of their own."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str | None
    code: str
    category: str
    severity: str
    retryable: bool
    errors: list[FieldFault]
    error_id: str
    error: OpenAIError


class JobPage(BaseModel):
    """One page of jobs, newest first. ``next`` goes into ``after``.

    ``total_estimate`` is there with ``count=estimate``: how many fit on all pages; a reckoned
    number unless ``total_is_exact``.
    """

    object: Literal["list"]
    data: list[JobView]
    has_more: bool
    next: str | None
    total_estimate: int | None = None
    total_is_exact: bool | None = None


class ReadinessCheck(BaseModel):
    """One thing that the API needs."""

    name: str
    status: Literal["ok", "failed"]
    latency_ms: float
    error: str | None


class Readiness(BaseModel):
    """Whether the API can do its work."""

    status: Literal["ok", "unavailable"]
    checks: list[ReadinessCheck]


_MODELS: Final[list[tuple[type[BaseModel], JsonSchemaMode]]] = [
    (JobRequest, "validation"),
    *((shape, "validation") for shape in INPUTS.values()),
    (JobView, "serialization"),
    (BulkRequest, "validation"),
    (BulkView, "serialization"),
    (RetryRequest, "validation"),
    (JobActionRequest, "validation"),
    (JobActionReport, "serialization"),
    (JobPage, "serialization"),
    (CancelRequest, "validation"),
    (CancelReport, "serialization"),
    (RedriveRequest, "validation"),
    (DeadLetterPage, "serialization"),
    (DeadLetterGroups, "serialization"),
    (DeadLetterDetailView, "serialization"),
    (RedriveView, "serialization"),
    *((event, "serialization") for event in (*JOB_EVENTS, FeedEvent, FeedPage)),
    (ScheduleRequest, "validation"),
    (ScheduleChange, "validation"),
    (ScheduleView, "serialization"),
    (SchedulePage, "serialization"),
    (ScheduleRunPage, "serialization"),
    *((model, "validation") for model in (KeyRequest, KeyRotation, PlanChange, TenantRequest)),
    *((model, "serialization") for model in (KeyView, NewKeyView, KeyPage, OwnTenantView)),
    *((model, "serialization") for model in (TenantView, NewTenantView, TenantPage)),
    (WebhookSecretView, "serialization"),
    (BudgetBody, "validation"),
    (BudgetList, "serialization"),
    (EstimateView, "serialization"),
    (AuditPage, "serialization"),
    (ModerationRequest, "validation"),
    (ModerationView, "serialization"),
    *((model, "validation") for model in (*SAFETY_REQUESTS, *PRIVACY_REQUESTS)),
    *((model, "serialization") for model in (*SAFETY_VIEWS, *PRIVACY_VIEWS)),
    *((model, "validation") for model in (*WEBHOOK_REQUESTS, *OPENAI_REQUESTS)),
    *((model, "serialization") for model in (*WEBHOOK_VIEWS, *OPENAI_VIEWS)),
    (FileUpload, "validation"),
    *((model, "serialization") for model in (FileView, FilePage, FileDeletedView)),
    (Problem, "serialization"),
    (Readiness, "serialization"),
]


def complete(document: dict[str, Any]) -> None:
    """Add the schemas and the security scheme to what FastAPI generated."""
    _, schema = models_json_schema(_MODELS, ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = schema["$defs"]
    schemas["JobRequest"]["properties"]["input"] = {
        "description": "The model's parameters, by kind.",
        "anyOf": [reference(shape.__name__) for shape in INPUTS.values()],
    }
    schemas["BulkRequest"]["properties"]["jobs"]["items"] = reference("JobRequest")
    schemas["BulkItemView"]["properties"]["error"] = {
        "anyOf": [reference("Problem"), {"type": "null"}]
    }
    schemas["JobRequest"]["examples"] = [IMAGE_REQUEST, CHAT_REQUEST]
    schemas["JobView"]["examples"] = [JOB]
    schemas["Problem"]["examples"] = [PROBLEM]
    components: dict[str, Any] = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(schemas)
    components.setdefault("securitySchemes", {})[SECURITY_SCHEME] = {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, gq_…",
    }
    illustrate(document)


def is_complete(document: dict[str, Any]) -> bool:
    """Return whether ``complete`` has seen this document."""
    return SECURITY_SCHEME in document.get("components", {}).get("securitySchemes", {})


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
