"""What is done for people whose content is kept: rules, holds, erasures, and their views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.lanes import Lane
from schemas.shape import Shape

MOST_HOURS: Final = 24 * 365 * 10
_STRICT: Final = ConfigDict(extra="forbid", frozen=True)
# PostgreSQL's text cannot hold U+0000.
_Text = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00]*$")]
EndUser = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]
_Hours = Annotated[int, Field(ge=0, le=MOST_HOURS, strict=True)]


class ErasureState(IntEnum):
    """How far an erasure is, as PostgreSQL stores it."""

    WAITING = 0
    DONE = 1
    REFUSED = 2


class ErasureStage(IntEnum):
    """Where an erasure looks, one place after the other, as PostgreSQL stores it."""

    JOBS = 0
    INPUT_FILES = 1
    OUTPUT_FILES = 2


@dataclass(frozen=True, slots=True)
class LegalHold:
    """What may not be taken: a person's content, a job's, or (neither) all of a tenant's."""

    id: UUID
    tenant_id: int
    subject: bytes | None
    job_id: UUID | None
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None

    def keeps(self, job_id: UUID, subject: bytes) -> bool:
        """Return whether it keeps a job of this person (empty: nobody) of its tenant."""
        if self.job_id is None and self.subject is None:
            return True
        return job_id == self.job_id or (bool(subject) and subject == self.subject)


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person being erased.

    Attributes:
        after: The last job, or file, that was looked at in this stage.
        counts: What was done: ``jobs``, ``objects``, ``held``; files that could
            not be read: ``unread``.
        files: Those that were written anew without what the person's lines said.
    """

    id: UUID
    tenant_id: int
    subject: bytes
    state: ErasureState
    asked_at: datetime
    asked_by: str
    done_at: datetime | None
    after: UUID | None = None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    stage: ErasureStage = ErasureStage.JOBS
    files: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How many hours after a job's end its content is kept; ``None``: any lane, any kind."""

    lane: Lane | None
    kind: Kind | None
    prompt_hours: int
    result_hours: int
    updated_at: datetime


class RetentionRequest(Shape):
    """The body of ``PUT /v1/privacy/retention``; 0 hours: nothing is kept beyond delivery."""

    model_config = _STRICT

    lane: Lane | None = None
    kind: Kind | None = None
    prompt_hours: _Hours
    result_hours: _Hours


class RetentionRuleView(Shape):
    """A rule in answers."""

    object: Literal["retention_rule"]
    lane: Lane | None
    kind: Kind | None
    prompt_hours: int
    result_hours: int
    updated_at: str


class RetentionRuleList(Shape):
    """All rules of a tenant; the most particular one counts."""

    object: Literal["list"]
    data: list[RetentionRuleView]


class ErasureRequest(Shape):
    """The body of ``POST /v1/privacy/erasures``."""

    model_config = _STRICT

    end_user: EndUser


class HeldView(Shape):
    """What stays because the law wants it."""

    holds: list[str]
    evidence: list[str]


class ErasureView(Shape):
    """An erasure in answers. ``person``: a pseudonym. ``held`` stays, and why it does.

    ``files``: of batches, written anew without what the person's lines said.
    """

    id: str
    object: Literal["erasure"]
    status: Literal["waiting", "done", "refused"]
    person: str
    asked_at: str
    done_at: str | None
    counts: dict[str, int]
    files: list[str]
    held: HeldView


class ErasureList(Shape):
    """The newest erasures of a tenant."""

    object: Literal["list"]
    data: list[ErasureView]


class HoldRequest(Shape):
    """The body of ``POST /v1/admin/legal_holds``: of a person, of a job, or of all."""

    model_config = _STRICT

    tenant: _Text
    end_user: EndUser | None = None
    job_id: Annotated[str, Field(max_length=64)] | None = None
    reason: _Text

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.end_user is not None and self.job_id is not None:
            raise ValueError("name an end_user or a job_id, not both; neither holds all")
        return self


class LegalHoldView(Shape):
    """A hold in answers; neither person nor job: all of the tenant's content."""

    id: str
    object: Literal["legal_hold"]
    tenant: str
    person: str | None
    job: str | None
    reason: str
    placed_by: str
    placed_at: str
    released_by: str | None
    released_at: str | None


class LegalHoldList(Shape):
    """Holds, newest first."""

    object: Literal["list"]
    data: list[LegalHoldView]


def rule_view(rule: RetentionRule) -> dict[str, Any]:
    """Return the JSON form of a rule: exactly the fields of ``RetentionRuleView``."""
    return {
        "object": "retention_rule",
        "lane": rule.lane.value if rule.lane else None,
        "kind": rule.kind.value if rule.kind else None,
        "prompt_hours": rule.prompt_hours,
        "result_hours": rule.result_hours,
        "updated_at": iso_ms(rule.updated_at),
    }


def erasure_view(
    erasure: Erasure, holds: Sequence[UUID], evidence: Sequence[UUID]
) -> dict[str, Any]:
    """Return the JSON form of an erasure: exactly the fields of ``ErasureView``."""
    return {
        "id": format_id("ers", erasure.id),
        "object": "erasure",
        "status": erasure.state.name.lower(),
        "person": person_of(erasure.subject),
        "asked_at": iso_ms(erasure.asked_at),
        "done_at": iso_ms(erasure.done_at) if erasure.done_at else None,
        "counts": dict(erasure.counts),
        "files": [format_id("file", one) for one in erasure.files],
        "held": {
            "holds": [format_id("hold", hold) for hold in holds],
            "evidence": [str(one) for one in evidence],
        },
    }


def hold_view(tenant: str, hold: LegalHold) -> dict[str, Any]:
    """Return the JSON form of a hold: exactly the fields of ``LegalHoldView``."""
    return {
        "id": format_id("hold", hold.id),
        "object": "legal_hold",
        "tenant": tenant,
        "person": person_of(hold.subject) if hold.subject else None,
        "job": format_id("job", hold.job_id) if hold.job_id else None,
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed_at": iso_ms(hold.placed_at),
        "released_by": hold.released_by,
        "released_at": iso_ms(hold.released_at) if hold.released_at else None,
    }


def person_of(subject: bytes) -> str:
    """Return a pseudonym as it is shown and audited."""
    return f"person:{subject.hex()}"
