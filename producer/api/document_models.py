"""The OpenAPI document: the shapes that FastAPI cannot see, as routes read and write raw bytes.

Imported when the document is asked for: most processes are never asked, and what only it knows
takes a tenth of a second.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from producer.api.document import SECURITY_SCHEME, reference
from producer.api.examples import CHAT_REQUEST, IMAGE_REQUEST, JOB, PROBLEM
from producer.api.illustrate import illustrate
from producer.api.openai_models import OPENAI_REQUESTS, OPENAI_VIEWS
from producer.api.privacy_models import PRIVACY_REQUESTS, PRIVACY_VIEWS
from producer.api.safety_models import SAFETY_REQUESTS, SAFETY_VIEWS
from producer.api.webhook_models import WEBHOOK_REQUESTS, WEBHOOK_VIEWS
from schemas.api_key import KeyPage, KeyRequest, KeyRotation, KeyView, NewKeyView
from schemas.audit_views import AuditPage
from schemas.budget import BudgetBody, BudgetList
from schemas.bulk import BulkRequest, BulkView
from schemas.cache import CacheChange, CacheClearedView, CacheView
from schemas.cancel_request import CancelReport, CancelRequest
from schemas.chat_binding_views import BINDING_REQUESTS, BINDING_VIEWS
from schemas.dead_letter import RedriveRequest
from schemas.dead_letter_views import (
    DeadLetterDetailView,
    DeadLetterGroups,
    DeadLetterPage,
    RedriveView,
)
from schemas.estimate import EstimateView
from schemas.generation import INPUTS
from schemas.job import JobRequest, JobView
from schemas.job_action import JobActionReport, JobActionRequest
from schemas.job_form import JobForm
from schemas.lineage_views import JobTreeView
from schemas.live_views import JOB_EVENTS, FeedEvent, FeedPage
from schemas.manifest import JobManifest
from schemas.moderation import ModerationRequest, ModerationView
from schemas.picture_action import PictureActionRequest
from schemas.retry import RetryRequest
from schemas.route_views import ROUTE_REQUESTS, ROUTE_VIEWS
from schemas.schedule import (
    ScheduleChange,
    SchedulePage,
    ScheduleRequest,
    ScheduleRunPage,
    ScheduleView,
)
from schemas.shape import Shape
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
from schemas.usage import UsageReport


class FieldFault(Shape):
    """One fault in a request: where (JSON pointer; ``/query/…``, ``/headers/…``) and what."""

    pointer: str
    message: str
    rule: str | None = None


class OpenAIError(Shape):
    """The same error as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None
    code: str


class Problem(Shape):
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


class JobPage(Shape):
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


class ReadinessCheck(Shape):
    """One thing that the API needs."""

    name: str
    status: Literal["ok", "failed"]
    latency_ms: float
    error: str | None


class Readiness(Shape):
    """Whether the API can do its work."""

    status: Literal["ok", "unavailable"]
    checks: list[ReadinessCheck]


_MODELS: Final[list[tuple[type[BaseModel], JsonSchemaMode]]] = [
    (JobRequest, "validation"),
    (JobForm, "validation"),
    *((shape, "validation") for shape in INPUTS.values()),
    (JobView, "serialization"),
    (BulkRequest, "validation"),
    (BulkView, "serialization"),
    (RetryRequest, "validation"),
    (PictureActionRequest, "validation"),
    (JobTreeView, "serialization"),
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
    *((model, "validation") for model in ROUTE_REQUESTS),
    *((model, "serialization") for model in ROUTE_VIEWS),
    *((model, "validation") for model in BINDING_REQUESTS),
    *((model, "serialization") for model in BINDING_VIEWS),
    (CacheChange, "validation"),
    *((model, "serialization") for model in (CacheView, CacheClearedView)),
    (BudgetBody, "validation"),
    (BudgetList, "serialization"),
    (EstimateView, "serialization"),
    (UsageReport, "serialization"),
    (JobManifest, "serialization"),
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
