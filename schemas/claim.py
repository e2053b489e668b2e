"""The right to run, and to finish, one attempt of one job."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.cache import CacheMode
from schemas.cost import ORDINARY_COST, Cost
from schemas.errors import GenqError
from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.tenant_plan import SafetyLevel
from schemas.webhooks import HEARS_NOTHING, Hears


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a broker message carries for one job."""

    job_id: UUID
    fence: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A started attempt. Every write of a worker names its job and fence.

    Attributes:
        job_id: The job.
        fence: The release that this attempt belongs to; a later release makes it void.
        session_id: The worker process that started it.
        attempt: How many times the job was started, this one included.
        failures: Attempts so far that count against ``max_attempts``, without this one.
        started_at: PostgreSQL's time at the start.
        input: The model parameters, as they were accepted.
        webhook: ``{"url", "events"}`` if the job's end is to be announced.
        cancel: The caller already asked to cancel.
        deadline: The job expires if it has not ended by then.
        cost: What it was reckoned to take when it was submitted.
        retry_of: The ended job that this one tries again.
        traceparent: The span that submitted it (W3C Trace Context), if traces were on.
        face: The door that it came in by.
        channels: Words by which endpoints choose what they are told.
        hears: What somebody wants to hear of it before its end.
        safety_level: How strictly its tenant is judged.
        reviewed: People have let its prompt pass, which was stopped for these categories: it
            is not held again. ``None``: nobody has.
        reviewed_of: The digest of what they saw, if that is known.
        cache: Whether it may be given the answer of an earlier job.
        requires: Tags that a model server must carry to be given it: the job's own, and its
            tenant's.
        fault: Why ``input`` is empty, if its content was erased or does not open.
    """

    job_id: UUID
    fence: int
    session_id: int
    tenant_id: int
    kind: Kind
    model: str
    lane: Lane
    priority: int
    attempt: int
    failures: int
    created_at: datetime
    started_at: datetime
    input: Mapping[str, Any]
    metadata: Mapping[str, str]
    end_user: str | None = None
    webhook: Mapping[str, Any] | None = None
    cancel: bool = False
    deadline: datetime | None = None
    cost: Cost = ORDINARY_COST
    tags: Sequence[str] = ()
    retry_of: UUID | None = None
    traceparent: str | None = None
    face: str = "native"
    channels: Sequence[str] = ()
    hears: Hears = HEARS_NOTHING
    safety_level: SafetyLevel = SafetyLevel.STANDARD
    reviewed: Collection[str] | None = None
    reviewed_of: str | None = None
    cache: CacheMode = CacheMode.AUTO
    requires: Collection[str] = ()
    fault: GenqError | None = None
