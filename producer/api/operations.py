"""The routes as the OpenAPI document tells of them: one value per operation."""

from dataclasses import dataclass, field
from typing import Any, Final

from producer.api.document import (
    ARTIFACT_INDEX,
    IDEMPOTENCY_KEY,
    JOB_ID,
    PREFER,
    SECURITY_SCHEME,
    answer,
    parameter,
    problems,
    reference,
)
from producer.api.filter_parameters import JOB_LISTING
from schemas.scopes import KeyScope

Answers = dict[int | str, dict[str, Any]]

_KEY_NEEDED: Final = problems(
    _401="No key, or one that is unknown, revoked or expired.",
    _429="More calls a minute, or searches at once, than may be; see Retry-After.",
    _500="A fault of genq; the log has it under error_id.",
    _503="A server that genq needs is away; see Retry-After.",
)


_FIELDS: Final = "application/x-www-form-urlencoded"
_FILE: Final = {"type": "string", "format": "binary"}
_FORM: Final = {"type": "object", "properties": {"file": _FILE}, "required": ["file"]}
_PICTURES: Final[dict[str, dict[str, Any]]] = {
    "multipart/form-data": {"schema": _FORM},
    "image/*": {"schema": _FILE},
}


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One method of one path.

    Attributes:
        name: The operation's id, stable for generated clients.
        body: The schema of the request's body.
        body_required: Whether it may be absent.
        form: The schema of the body, if that is a form with files.
        fields: The schema of the body, if that is what a form of a web page sends.
        raw_body: The media type of a body whose shape somebody else decides.
        takes_picture: Whether the body may be a picture instead, as it is or in a form.
        tag: ``operations`` and ``chat`` need no key, everything else does.
        scope: What the key must be allowed, if not what ``needed_scope`` says of the method.
        openai: Whether its errors are told in OpenAI's words (``producer.openai.refusals``).
        portal: Whether a portal link's token may call it as well: for the endpoint that it was
            made for, which the path names as ``endpoint_id``.
    """

    name: str
    path: str
    summary: str
    description: str
    answers: Answers
    method: str = "GET"
    tag: str = "jobs"
    parameters: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    body: str | None = None
    body_required: bool = True
    form: str | None = None
    fields: str | None = None
    raw_body: str | None = None
    takes_picture: bool = False
    scope: KeyScope | None = None
    portal: bool = False
    openai: bool = False

    @property
    def needed_scope(self) -> KeyScope:
        """What a key must be allowed: to look is to read, everything else is to write."""
        looks = self.method == "GET"
        return self.scope or (KeyScope.JOBS_READ if looks else KeyScope.JOBS_WRITE)

    @property
    def needs_key(self) -> bool:
        """Whether only tenants may call it."""
        return self.tag not in {"operations", "chat"}

    def responses(self) -> Answers:
        """Return every answer, errors included."""
        if not self.needs_key:
            return self.answers
        scope = self.needed_scope.value
        why = f"The key has not the scope {scope}, or its tenant is suspended."
        return problems(_403=why) | self.answers | _KEY_NEEDED

    def extra(self) -> dict[str, Any]:
        """Return what else the document says of the operation."""
        extra: dict[str, Any] = {"parameters": self.parameters}
        extra["security"] = [{SECURITY_SCHEME: []}] if self.needs_key else []
        if self.body is not None:
            content = {"application/json": {"schema": reference(self.body)}}
            content |= _PICTURES if self.takes_picture else {}
            extra["requestBody"] = {"required": self.body_required, "content": content}
        if self.form is not None:
            content = {"multipart/form-data": {"schema": reference(self.form)}}
            body = extra.setdefault("requestBody", {"required": True, "content": {}})
            body["content"] |= content
        if self.fields is not None:
            content = {_FIELDS: {"schema": reference(self.fields)}}
            extra["requestBody"] = {"required": True, "content": content}
        if self.raw_body is not None:
            content = {self.raw_body: {"schema": {"type": "object"}}}
            extra["requestBody"] = {"required": True, "content": content}
        return extra


_SUBMIT_HEADERS: Final = (
    "Location",
    "Preference-Applied",
    "Idempotent-Replayed",
    "Unique-Replayed",
    "Budget-Downgraded",
)

SUBMIT_JOB: Final = Operation(
    name="submit_job",
    method="POST",
    path="/v1/jobs",
    summary="Submit a job",
    description=(
        "Once this has answered, the job is durable and will end exactly once. Pictures that "
        "it begins with stand in its input as https URLs, data URLs, ids of files (file-…) or "
        "artifacts of jobs (job_…/0); or they come with it in a form."
    ),
    parameters=[IDEMPOTENCY_KEY, PREFER],
    body="JobRequest",
    form="JobForm",
    answers={
        202: answer(
            "The job is accepted.",
            "JobView",
            headers=_SUBMIT_HEADERS,
        ),
        200: answer(
            "The job ended while the caller waited.",
            "JobView",
            headers=_SUBMIT_HEADERS,
        ),
    }
    | problems(
        _400="The body is wrong; errors[] says where.",
        _402="A budget of the tenant or the end user has no room for it.",
        _404="No model server offers this model.",
        _409="An earlier job holds the unique key.",
        _413="The body is too large.",
        _415="The body is not JSON.",
        _422="The Idempotency-Key was used with another body.",
    ),
)
LIST_JOBS: Final = Operation(
    name="list_jobs",
    path="/v1/jobs",
    summary="List jobs",
    description=(
        "Newest first, by key: a page does not shift when jobs arrive. A job is shown if it "
        "fits every filter. status, lane, kind and tag may be given several times; "
        "metadata.order=1234 chooses by metadata."
    ),
    parameters=JOB_LISTING,
    answers={
        200: answer("One page of jobs.", "JobPage", headers=("Link", "ETag")),
        304: {"description": "It is as the caller knows it."},
    }
    | problems(_400="A query parameter is wrong."),
)
SHOW_JOB: Final = Operation(
    name="get_job",
    path="/v1/jobs/{job_id}",
    summary="Look at a job",
    description="With Prefer: wait=n, as soon as it has ended. With If-None-Match, cheaply.",
    parameters=[JOB_ID, PREFER],
    answers={
        200: answer("The job.", "JobView", headers=("ETag", "Preference-Applied")),
        304: {"description": "It is as the caller knows it."},
    }
    | problems(_404="This tenant has no such job."),
)
SEND_ARTIFACT: Final = Operation(
    name="get_artifact",
    path="/v1/jobs/{job_id}/artifacts/{index}",
    summary="Fetch an artifact",
    description="The URL is stable; S3 stores answer with a redirect to a freshly signed one. "
    "Every answer says x-genq-ai-generated: true.",
    parameters=[JOB_ID, ARTIFACT_INDEX],
    answers={
        200: answer("The bytes.", None, media_type="*/*", headers=("ETag",)),
        206: answer("The bytes of one Range.", None, media_type="*/*", headers=("ETag",)),
        302: {"description": "The bytes are at Location for the next minutes."},
        304: {"description": "The caller has the bytes."},
    }
    | problems(
        _404="No such job, or it has fewer artifacts.",
        _409="The job has not ended, or has not succeeded.",
        _410="Retention or an erasure took it.",
        _416="The Range begins past the end.",
    ),
)
SEND_LINKED_ARTIFACT: Final = Operation(
    name="get_linked_artifact",
    path="/v1/artifacts/{token}",
    tag="operations",
    summary="Fetch an artifact by its link",
    description="What OpenAI's image answers call url leads here. It works for an hour; what "
    "was erased or withheld meanwhile is not served.",
    parameters=[parameter("path", "token", "Of the link, gqa_….")],
    answers={
        200: answer("The bytes.", None, media_type="*/*", headers=("ETag",)),
        206: answer("The bytes of one Range.", None, media_type="*/*", headers=("ETag",)),
        302: {"description": "The bytes are at Location for the next minutes."},
        304: {"description": "The caller has the bytes."},
    }
    | problems(
        _404="The link is unknown or has expired, or the artifact is gone.",
        _416="The Range begins past the end.",
    ),
)
LIVEZ: Final = Operation(
    name="livez",
    path="/livez",
    tag="operations",
    summary="Is the process alive?",
    description="Asks no other server.",
    answers={200: answer("It is.", None, media_type="application/json")},
)
READYZ: Final = Operation(
    name="readyz",
    path="/readyz",
    tag="operations",
    summary="Can the API do its work?",
    description="Asks the database, its migrations, Valkey and the object store.",
    answers={
        200: answer("It can.", "Readiness"),
        503: answer("It cannot; the failed checks say why.", "Readiness"),
    },
)
METRICS: Final = Operation(
    name="metrics",
    path="/metrics",
    tag="operations",
    summary="Metrics for Prometheus",
    description="This process's counters, and the backlog as PostgreSQL counts it. Where the"
    " operator set GENQ_METRICS_TOKEN, with that token as the bearer.",
    answers={200: answer("Prometheus's text format.", None, media_type="text/plain")}
    | problems(_401="The operator's token is needed."),
)
ERRORS: Final = Operation(
    name="errors",
    path="/errors",
    tag="operations",
    summary="What every error code means",
    description="Cause and remedy of each, as a web page: a problem's type leads here.",
    answers={200: answer("The page.", None, media_type="text/html")},
)
