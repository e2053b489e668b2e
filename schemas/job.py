"""A job as it is known, and as callers see it; how they ask for one: ``job_request``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

from schemas.cache import JobCacheView
from schemas.errors import ErrorRecord
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job_cache import cache_view
from schemas.job_cost import CostView, UsageView, cost_view, usage_view
from schemas.job_request import JobRequest as JobRequest  # noqa: PLC0414 - readers know it by this module
from schemas.job_safety import SafetyView, safety_view
from schemas.job_states import JobState, JobStatus, status_of
from schemas.lanes import Lane
from schemas.lineage import Lineage, LineageView, lineage_view
from schemas.position import QueuePlace, QueueView, queue_view
from schemas.shape import Shape

NATIVE: Final = "native"
"""The door of ``/v1/jobs``, and of whatever has no name of its own."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One stored output. ``key`` is its place in the object store and is never shown."""

    index: int
    key: str
    content_type: str
    bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """Everything that is known of a job, whoever read it; every view is made of it.

    Attributes:
        made: What the model answered beside pictures, as it is kept: ``text``, ``usage``,
            ``finish_reason`` and the rest of a message.
        face: The door that it came in by.
        aside: What that door keeps with it.
        spent: What it was charged, in millionths of a dollar.
        batch_id: The batch that it is a line of.
        typed: Its prompt with the flags that it ended in, if any were read.
        lineage: What it was derived from, where one job is looked at.
        requires: Tags that it insists on of a model server; so does whoever takes its pictures.
    """

    id: UUID
    tenant_id: int
    kind: Kind
    model: str
    lane: Lane
    priority: int
    state: JobState
    created_at: datetime
    input: Mapping[str, Any]
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    end_user: str | None = None
    error: ErrorRecord | None = None
    artifacts: Sequence[Artifact] = ()
    text: str | None = None
    made: Mapping[str, Any] = field(default_factory=dict[str, Any])
    waiting_on: str | None = None
    run_at: datetime | None = None
    deadline: datetime | None = None
    tags: Sequence[str] = ()
    retry_of: UUID | None = None
    queue: QueuePlace | None = None
    verdict: Mapping[str, Any] | None = None
    input_erased: bool = False
    output_erased: bool = False
    face: str = NATIVE
    aside: Mapping[str, Any] = field(default_factory=dict[str, Any])
    spent: int | None = None
    batch_id: UUID | None = None
    typed: str | None = None
    lineage: Lineage | None = None
    requires: Sequence[str] = ()

    @property
    def content(self) -> str:
        """Return what is left of its content: ``kept``, or what was erased."""
        if self.input_erased and (self.output_erased or self.state is not JobState.SUCCEEDED):
            return "erased"
        if self.input_erased:
            return "input_erased"
        return "output_erased" if self.output_erased else "kept"


class ArtifactView(Shape):
    """One output as callers see it; ``url`` stays valid, what it leads to is signed anew."""

    index: int
    url: str
    content_type: str
    bytes: int
    sha256: str
    width: int | None
    height: int | None


class OutputView(Shape):
    """What the job made. ``text`` is there for kinds that answer in words.

    Where one job is looked at: ``texts`` are all that it wrote, if there are several, and
    ``embeddings`` its vectors, each of them float32, lowest byte first, in base64.
    ``seed`` is the one that pictures were made with, if the model server took or told one;
    ``upscaled_by`` is ``lanczos``, which invents nothing, or the model that enlarged a picture.
    ``ai_generated`` says to machines what all of it is: made by a model (AI Act, Article 50).
    """

    artifacts: list[ArtifactView]
    text: str | None = None
    texts: list[str] | None = None
    embeddings: list[str] | None = None
    seed: int | None = None
    upscaled_by: str | None = None
    ai_generated: Literal[True] = True


class ErrorView(Shape):
    """Why the job failed."""

    code: str
    message: str
    category: str
    severity: str
    retryable: bool
    error_id: str


class UrlsView(Shape):
    """Where to go next; null where this release has no such route."""

    get: str
    cancel: str | None
    events: str | None
    manifest: str | None


class JobView(Shape):
    """A job in answers and events.

    ``run_at`` is there while the job waits for that instant, be it the caller's or a retry's;
    a job that has not ended by ``deadline`` expires. ``queue`` is there where one queued job is
    looked at, and not in lists and events; so is ``lineage``, if it was derived from another by
    an action. ``safety`` is there where checks did more than let
    the job pass. ``retry_of`` is the ended job that this one repeats. ``content``: what
    retention or an erasure took is not shown any more. ``input`` is what the model is asked;
    ``prompt_as_typed`` is the prompt as it came, if flags were read and taken off it.
    """

    id: str
    object: Literal["job"]
    kind: Kind
    model: str
    status: JobStatus
    waiting_on: str | None
    queue: QueueView | None
    lane: Lane
    priority: int
    created_at: str
    run_at: str | None
    deadline: str | None
    started_at: str | None
    finished_at: str | None
    input: dict[str, Any]
    prompt_as_typed: str | None
    output: OutputView | None
    error: ErrorView | None
    attempts: int
    usage: UsageView | None
    cost: CostView | None
    cache: JobCacheView | None
    metadata: dict[str, str]
    tags: list[str]
    end_user: str | None
    retry_of: str | None
    lineage: LineageView | None
    safety: SafetyView | None
    content: Literal["kept", "input_erased", "output_erased", "erased"]
    urls: UrlsView


def iso_ms(at: datetime) -> str:
    """Return ``at`` as ISO 8601 in UTC with milliseconds, such as 2026-11-20T10:00:00.123Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def job_view(job: JobRecord, public_url: str, *, whole: bool = False) -> dict[str, Any]:
    """Return the JSON form of ``job``: the fields of ``JobView``.

    Args:
        job: What is known.
        public_url: Where callers reach the API, without a final slash.
        whole: Whether it comes with all that it made, which may be megabytes.
    """
    own_url = f"{public_url}/v1/jobs/{format_id('job', job.id)}"
    return {
        "id": format_id("job", job.id),
        "object": "job",
        "kind": job.kind.value,
        "model": job.model,
        "status": status_of(job.state).value,
        "waiting_on": job.waiting_on,
        "queue": _queue_view(job.queue),
        "lane": job.lane.value,
        "priority": job.priority,
        "created_at": iso_ms(job.created_at),
        "run_at": iso_ms(job.run_at) if job.run_at else None,
        "deadline": iso_ms(job.deadline) if job.deadline else None,
        "started_at": iso_ms(job.started_at) if job.started_at else None,
        "finished_at": iso_ms(job.finished_at) if job.finished_at else None,
        "input": dict(job.input),
        "prompt_as_typed": job.typed,
        "output": _output_view(job, own_url, whole=whole),
        "error": job.error,
        "attempts": job.attempts,
        "usage": usage_view(job.made),
        "cost": cost_view(job.made, job.spent, job.state),
        "cache": cache_view(job.state, job.made),
        "metadata": dict(job.metadata),
        "tags": list(job.tags),
        "end_user": job.end_user,
        "retry_of": format_id("job", job.retry_of) if job.retry_of else None,
        "lineage": lineage_view(job.lineage),
        "safety": safety_view(job.verdict, job.state, own_url),
        "content": job.content,
        "urls": {
            "get": own_url,
            "cancel": f"{own_url}/cancel",
            "events": f"{own_url}/events",
            "manifest": f"{own_url}/manifest.json",
        },
    }


def _queue_view(place: QueuePlace | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return queue_view(place, iso_ms(place.until) if place.until else None)


def _output_view(job: JobRecord, own_url: str, *, whole: bool) -> dict[str, Any] | None:
    if job.state is not JobState.SUCCEEDED:
        return None
    artifacts = [
        {
            "index": artifact.index,
            "url": f"{own_url}/artifacts/{artifact.index}",
            "content_type": artifact.content_type,
            "bytes": artifact.bytes,
            "sha256": artifact.sha256,
            "width": artifact.width,
            "height": artifact.height,
        }
        for artifact in job.artifacts
    ]
    choices = job.made.get("choices") if whole else None
    return {
        "artifacts": artifacts,
        "text": job.text,
        "texts": [choice.get("text") or "" for choice in choices] if choices else None,
        "embeddings": job.made.get("embeddings") if whole else None,
        "seed": seed_of(job),
        "upscaled_by": _upscaled_by(job),
        "ai_generated": True,
    }


def seed_of(job: JobRecord) -> int | None:
    """Return the seed that a job's pictures were made with, as far as it is known."""
    seed = job.made.get("seed")
    return seed if isinstance(seed, int) else None


def _upscaled_by(job: JobRecord) -> str | None:
    told = job.made.get("upscaled_by")
    if told or job.lineage is None or job.lineage.action != "upscale":
        return told
    served: Mapping[str, Any] = job.made.get("served_by") or {}
    return served.get("model")
