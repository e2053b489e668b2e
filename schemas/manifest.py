"""A job's manifest: what it was asked, who made what of it, how, and at which price.

All of it was written before the job ended, or with its end: the same job has the same manifest,
byte for byte (RFC 8785), until its content is erased. No tenant and no person is named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from schemas.canonical_json import canonical_json
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord, iso_ms, seed_of
from schemas.job_cost import CostView, UsageView, cost_view, usage_view
from schemas.job_states import JobStatus, status_of
from schemas.lanes import Lane
from schemas.lineage import LineageView, lineage_view
from schemas.picture_digests import without_pictures
from schemas.progress import EndedAttempt
from schemas.shape import Shape

SCHEMA: Final = "genq.manifest"
VERSION: Final = 1
_VERDICT: Final = ("verdict", "violations", "categories", "coverage", "policy", "detectors")
_MILLISECONDS: Final = 7


class ManifestModel(Shape):
    """``asked`` is what the job named; ``answered`` may be one that stands in for it."""

    asked: str
    answered: str | None
    server: str | None
    revision: str | None


class ManifestAttempt(Shape):
    """One try. ``error`` is the code of why it did not succeed."""

    number: int
    outcome: str
    started_at: str | None
    ended_at: str
    error: str | None


class ManifestTimings(Shape):
    """When what happened. ``model_seconds`` is how long the call that was answered took."""

    created_at: str
    started_at: str | None
    finished_at: str | None
    model_seconds: float | None
    attempts: list[ManifestAttempt]


class ManifestArtifact(Shape):
    """One file. ``c2pa_manifest`` is the id of the Content Credentials inside of it.

    It is null where there are none: sounds get none.
    """

    index: int
    content_type: str
    bytes: int
    sha256: str
    width: int | None
    height: int | None
    registered: bool
    c2pa_manifest: str | None


class ManifestText(Shape):
    """What was written, by its digest: the job itself has the words."""

    sha256: str
    characters: int


class JobManifest(Shape):
    """The answer of ``GET /v1/jobs/{job_id}/manifest.json``.

    ``input`` is what was accepted and ``sent`` what the model saw, which safety may have
    changed; pictures in them are told as ``sha256:`` and their digest. Both are null once
    erased: ``content`` says so. Where content is encrypted, a changed form is not kept, and
    ``sent`` is null. ``safety`` has the verdicts of ``prompt`` and ``output`` of the last
    attempt. ``cached_of`` is the job whose output this one was given.
    """

    schema_: Annotated[Literal["genq.manifest"], Field(alias="schema")]
    schema_version: Literal[1]
    job: str
    kind: Kind
    lane: Lane
    status: JobStatus
    content: Literal["kept", "input_erased", "output_erased", "erased"]
    genq: str | None
    input: dict[str, Any] | None
    sent: dict[str, Any] | None
    seed: int | None
    model: ManifestModel
    revised_prompts: list[str] | None
    safety: dict[str, dict[str, Any]]
    timings: ManifestTimings
    lineage: LineageView | None
    retry_of: str | None
    cached_of: str | None
    artifacts: list[ManifestArtifact]
    text: ManifestText | None
    usage: UsageView | None
    cost: CostView | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registry knows of one artifact."""

    index: int
    manifest_id: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """What other tables know of a job that has ended.

    Attributes:
        attempts: In their order.
        checks: Of the last attempt, by stage, if it was judged.
        registered: Of its artifacts.
    """

    attempts: Sequence[EndedAttempt] = ()
    checks: Mapping[str, Any] | None = None
    registered: Sequence[Registered] = ()


def manifest_bytes(job: JobRecord, written: Written) -> tuple[bytes, str]:
    """Return the manifest of a job that has ended, in its one form, and its SHA-256 in hex."""
    body = canonical_json(manifest_of(job, written))
    return body, sha256(body).hexdigest()


def manifest_of(job: JobRecord, written: Written) -> dict[str, Any]:
    """Return the JSON form of ``JobManifest``."""
    facts: Mapping[str, Any] = job.made.get("facts") or {}
    asked = None if job.input_erased else without_pictures(dict(job.input))
    gone = job.input_erased or job.output_erased
    return {
        "schema": SCHEMA,
        "schema_version": VERSION,
        "job": format_id("job", job.id),
        "kind": job.kind.value,
        "lane": job.lane.value,
        "status": status_of(job.state).value,
        "content": job.content,
        "genq": facts.get("genq"),
        "input": asked,
        "sent": None if gone or not facts else _sent(job, facts, asked),
        "seed": seed_of(job),
        "model": _model(job),
        "revised_prompts": job.made.get("revised_prompts"),
        "safety": {
            stage: {name: told[name] for name in _VERDICT if name in told}
            for stage, told in (written.checks or {}).items()
        },
        "timings": _timings(job, written, facts),
        "lineage": lineage_view(job.lineage),
        "retry_of": format_id("job", job.retry_of) if job.retry_of else None,
        "cached_of": facts.get("cached_of"),
        "artifacts": [_artifact(one, written.registered) for one in job.artifacts],
        "text": _text(job.text),
        "usage": usage_view(job.made),
        "cost": cost_view(job.made, job.spent, job.state),
        "error": job.error["code"] if job.error else None,
    }


def _sent(
    job: JobRecord, facts: Mapping[str, Any], asked: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    return job.made.get("told") if facts.get("rewritten") else asked


def _model(job: JobRecord) -> dict[str, Any]:
    by: Mapping[str, str] = job.made.get("served_by") or {}
    return {
        "asked": job.model,
        "answered": by.get("model"),
        "server": by.get("server"),
        "revision": job.made.get("model_revision"),
    }


def _timings(job: JobRecord, written: Written, facts: Mapping[str, Any]) -> dict[str, Any]:
    took: list[int] = facts.get("took") or []
    return {
        "created_at": iso_ms(job.created_at),
        "started_at": iso_ms(job.started_at) if job.started_at else None,
        "finished_at": iso_ms(job.finished_at) if job.finished_at else None,
        "model_seconds": took[_MILLISECONDS] / 1000 if len(took) > _MILLISECONDS else None,
        "attempts": [
            {
                "number": one.n,
                "outcome": one.outcome.name.lower(),
                "started_at": iso_ms(one.started_at) if one.started_at else None,
                "ended_at": iso_ms(one.ended_at),
                "error": one.error,
            }
            for one in written.attempts
        ],
    }


def _artifact(artifact: Artifact, registered: Sequence[Registered]) -> dict[str, Any]:
    known = next((one for one in registered if one.index == artifact.index), None)
    return {
        "index": artifact.index,
        "content_type": artifact.content_type,
        "bytes": artifact.bytes,
        "sha256": artifact.sha256,
        "width": artifact.width,
        "height": artifact.height,
        "registered": known is not None,
        "c2pa_manifest": known.manifest_id if known else None,
    }


def _text(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    return {"sha256": sha256(text.encode()).hexdigest(), "characters": len(text)}
