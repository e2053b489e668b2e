"""Deliveries as they are kept: what is owed, what was tried, what came of it; and which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from schemas.filter_fields import Word, readable
from schemas.ids import parse_id
from schemas.shape import Shape
from schemas.webhooks import Breaker, Ended, Trigger
from schemas.when import Instant

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_ID: Final = 64
_LOWEST_STATUS: Final = 0
_HIGHEST_STATUS: Final = 999

# What a release that did not write how a delivery ended wrote as its last outcome.
TAKEN: Final = "success"
GIVEN_UP: Final = ("exhausted", "gone", "refused")


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as it was logged; ``None`` where the release before did not tell.

    Attributes:
        n: Which attempt of the delivery it was; numbers may be left out.
        at: When its outcome was written.
        answer_body: The beginning of what was answered, as it came.
    """

    n: int
    outcome: str
    at: datetime
    duration_ms: int
    status: int | None = None
    detail: str | None = None
    id: UUID | None = None
    trigger: Trigger | None = None
    started_at: datetime | None = None
    ended: Ended | None = None
    url: str | None = None
    address: str | None = None
    dns_ms: int | None = None
    connect_ms: int | None = None
    tls_ms: int | None = None
    first_byte_ms: int | None = None
    request_id: str | None = None
    answer_headers: Mapping[str, str] | None = None
    answer_body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a pending delivery waits for.

    Attributes:
        next_at: When it is tried next, if nothing else holds it back.
        step: Attempts so far that used up a step of the schedule.
        recovered: It waits behind everything that is live.
        blocked_until: Nothing is sent to the receiver before.
        breaker: Whether the receiver is tried at all.
        endpoint_disabled: It waits until its endpoint is enabled again.
    """

    next_at: datetime
    step: int
    recovered: bool
    blocked_until: datetime | None = None
    breaker: Breaker = Breaker.CLOSED
    endpoint_disabled: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one receiver.

    Attributes:
        job_id: ``None``: the event is about no job.
        endpoint_id: ``None``: the URL came with the job.
        last: The newest attempt, if there was one.
        waiting: ``None``: it ended.
    """

    id: UUID
    event_id: UUID
    job_id: UUID | None
    endpoint_id: UUID | None
    event_type: str | None
    url: str | None
    trigger: Trigger | None
    last: Attempt | None
    waiting: Waiting | None

    @property
    def created_at(self) -> datetime:
        """When it was made: its id tells."""
        return _EPOCH + timedelta(milliseconds=self.id.int >> 80)

    @property
    def status(self) -> DeliveryStatus:
        """How far it is."""
        if self.waiting is not None:
            return DeliveryStatus.PENDING
        if self.last is None or (self.last.ended is None and self.last.outcome != TAKEN):
            given_up = self.last is not None and self.last.outcome in GIVEN_UP
            return DeliveryStatus.EXHAUSTED if given_up else DeliveryStatus.DISCARDED
        ended = self.last.ended or Ended.DELIVERED
        return DeliveryStatus(ended.word)


@dataclass(frozen=True, slots=True)
class DeliveryHistory:
    """A delivery with its attempts, newest first.

    Attributes:
        more: There were earlier ones.
    """

    delivery: Delivery
    attempts: Sequence[Attempt]
    more: bool


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the outbox holds it.

    Attributes:
        body: The full form, as it is signed and sent; empty if its content was erased.
        thin: The form without outputs, where that differs.
    """

    id: UUID
    job_id: UUID | None
    type: str
    at: datetime
    channels: Sequence[str]
    body: bytes = field(repr=False)
    thin: bytes | None = field(default=None, repr=False)

    @property
    def erased(self) -> bool:
        """Whether somebody had its content deleted."""
        return not self.body


def _several(value: Any) -> Any:
    return tuple(value.split(",")) if isinstance(value, str) else value


def _status_code(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be a whole number")
    return value


_Id = Annotated[str, Field(max_length=_LONGEST_ID)]


class DeliveryFilter(Shape):
    """A delivery fits if it fits everything that is given.

    Attributes:
        status: One of these.
        outcome: The newest attempt came to this, such as ``timeout``.
        status_code: The newest attempt was answered so.
        trigger: Why the newest attempt was made, or why the first one will be.
        created_after: Made at this instant or later.
        started_after: The newest attempt began at this instant or later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint_id: _Id | None = None
    event_id: _Id | None = None
    job_id: _Id | None = None
    event_type: Word | None = None
    status: Annotated[
        tuple[DeliveryStatus, ...],
        BeforeValidator(_several),
        Field(max_length=len(DeliveryStatus)),
    ] = ()
    outcome: Word | None = None
    status_code: (
        Annotated[
            int, BeforeValidator(_status_code), Field(ge=_LOWEST_STATUS, le=_HIGHEST_STATUS)
        ]
        | None
    ) = None
    trigger: Trigger | None = None
    created_after: Instant | None = None
    created_before: Instant | None = None
    started_after: Instant | None = None
    started_before: Instant | None = None

    @field_validator("endpoint_id", mode="after")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        return readable("whe", value)

    @field_validator("event_id", mode="after")
    @classmethod
    def _event(cls, value: str | None) -> str | None:
        return readable("evt", value)

    @field_validator("job_id", mode="after")
    @classmethod
    def _job(cls, value: str | None) -> str | None:
        return readable("job", value)

    @field_validator("trigger", mode="before")
    @classmethod
    def _trigger(cls, value: Any) -> Any:
        words = {trigger.word: trigger for trigger in Trigger}
        if value is not None and value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return None if value is None else words[value]

    @property
    def endpoint_key(self) -> UUID | None:
        """The key inside ``endpoint_id``."""
        return parse_id("whe", self.endpoint_id) if self.endpoint_id else None

    @property
    def event_key(self) -> UUID | None:
        """The key inside ``event_id``."""
        return parse_id("evt", self.event_id) if self.event_id else None

    @property
    def job_key(self) -> UUID | None:
        """The key inside ``job_id``."""
        return parse_id("job", self.job_id) if self.job_id else None
