"""Recovery: events of a stretch of time that go to an endpoint once more."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.shape import Shape
from schemas.when import Instant


class Only(StrEnum):
    """Which events are sent again."""

    FAILED = "failed"
    """The newest attempt at this endpoint was the last, and was not taken."""
    MISSING = "missing"
    """The endpoint asks for such events, and never took this one."""
    ALL = "all"
    """The endpoint asks for such events."""


class RecoveryStatus(StrEnum):
    """How far a recovery is."""

    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Recovery:
    """A walk over a tenant's events.

    Attributes:
        sample: So many at most, the newest first; ``None``: all, the oldest first.
        cursor: The last event that was looked at.
        looked: Events looked at so far.
        queued: Deliveries made so far.
        stopped_at: Somebody asked to stop it.
        error: Why it ended before its time.
    """

    id: UUID
    tenant_id: int
    endpoint_id: UUID
    since: datetime
    until: datetime
    only: Only
    sample: int | None
    cursor: UUID | None
    looked: int
    queued: int
    created_at: datetime
    finished_at: datetime | None
    stopped_at: datetime | None
    error: str | None

    @property
    def status(self) -> RecoveryStatus:
        """How far it is."""
        if self.finished_at is None:
            return RecoveryStatus.RUNNING
        if self.stopped_at is not None:
            return RecoveryStatus.CANCELLED
        return RecoveryStatus.FAILED if self.error else RecoveryStatus.COMPLETED


class RecoveryRequest(Shape):
    """Which events an endpoint is to be sent again.

    ``since`` is the first instant, ``until`` the first one past the end: now, if it is not
    given. ``sample``: the newest so many of them, to try an endpoint with.
    """

    model_config = ConfigDict(extra="forbid")

    since: Instant
    until: Instant | None = None
    only: Only = Only.FAILED
    sample: Annotated[int, Field(ge=1, le=1_000, strict=True)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.until <= self.since:
            raise ValueError("until must be later than since")
        return self


class RecoveryView(Shape):
    """A recovery. ``queued`` deliveries wait behind everything that is live.

    ``looked`` counts the events that were looked at; while it is ``running``, both rise.
    """

    id: str
    object: Literal["webhook_recovery"]
    endpoint_id: str
    status: RecoveryStatus
    since: str
    until: str
    only: Only
    sample: int | None
    looked: int
    queued: int
    created_at: str
    finished_at: str | None
    error: str | None


class RecoveryPage(Shape):
    """One page of recoveries, newest first. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[RecoveryView]
    has_more: bool
    next: str | None


def recovery_view(recovery: Recovery) -> dict[str, Any]:
    """Return the JSON form of ``recovery``: exactly the fields of ``RecoveryView``."""
    return {
        "id": format_id("whr", recovery.id),
        "object": "webhook_recovery",
        "endpoint_id": format_id("whe", recovery.endpoint_id),
        "status": recovery.status.value,
        "since": iso_ms(recovery.since),
        "until": iso_ms(recovery.until),
        "only": recovery.only.value,
        "sample": recovery.sample,
        "looked": recovery.looked,
        "queued": recovery.queued,
        "created_at": iso_ms(recovery.created_at),
        "finished_at": iso_ms(recovery.finished_at) if recovery.finished_at else None,
        "error": recovery.error,
    }
