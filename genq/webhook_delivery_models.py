"""Deliveries, their attempts, and kept events, as the SDK hands them out."""

from dataclasses import dataclass, field
from datetime import datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class AttemptTimings:
    """Milliseconds of an attempt's steps; ``None``: there was no such step."""

    total_ms: int
    dns_ms: int | None = None
    connect_ms: int | None = None
    tls_ms: int | None = None
    first_byte_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AttemptAnswer:
    """What a receiver answered: some headers, and how its body begins.

    Attributes:
        body_encoding: ``utf-8``, or ``base64`` of what is no text.
    """

    headers: Json = field(default_factory=dict[str, object])
    body: str | None = None
    body_encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver.

    Attributes:
        trigger: ``scheduled``, ``manual``, ``probe``, ``recover`` or ``test``.
        address: The IP address that was dialled.
        outcome: ``success``, ``http_500``, ``timeout``, ``dns_error`` and the like.
        ended: What it made of the delivery; ``None``: it is tried again.
    """

    number: int
    recorded_at: datetime
    outcome: str
    timings: AttemptTimings
    answer: AttemptAnswer
    id: str | None = None
    trigger: str | None = None
    started_at: datetime | None = None
    url: str | None = None
    address: str | None = None
    status_code: int | None = None
    detail: str | None = None
    ended: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiverLane:
    """What holds back all that a receiver is owed."""

    breaker: str
    endpoint_disabled: bool = False
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """What a pending delivery waits for; ``recovery`` is the ``queue`` behind ``live``."""

    next_attempt_at: datetime
    step: int
    queue: str
    lane: ReceiverLane


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to one receiver, or what became of it.

    Attributes:
        event_type: ``None`` if the event is no longer kept.
        endpoint_id: ``None``: the URL came with the job.
        status: ``pending``, ``delivered``, ``exhausted``, ``discarded`` or ``superseded``.
        outcome: Of the newest attempt; as are ``status_code``, ``detail``, ``attempted_at``.
        pending: With ``get``, while it is pending.
        attempts: With ``get``, newest first.
    """

    id: str
    event_id: str
    status: str
    created_at: datetime
    attempt_count: int
    event_type: str | None = None
    job_id: str | None = None
    endpoint_id: str | None = None
    url: str | None = None
    trigger: str | None = None
    next_attempt_at: datetime | None = None
    outcome: str | None = None
    status_code: int | None = None
    detail: str | None = None
    attempted_at: datetime | None = None
    duration_ms: int | None = None
    pending: Pending | None = None
    attempts: tuple[Attempt, ...] = ()
    more_attempts: bool = False
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event as it is kept.

    Attributes:
        body: The text that is signed and sent; ``None`` once ``erased``.
        thin_body: The one without outputs, where it differs.
        deliveries: The newest.
    """

    id: str
    type: str
    created_at: datetime
    job_id: str | None = None
    channels: tuple[str, ...] = ()
    erased: bool = False
    body: str | None = field(default=None, repr=False)
    thin_body: str | None = field(default=None, repr=False)
    deliveries: tuple[Delivery, ...] = ()
    more_deliveries: bool = False
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ErasedEvent:
    """An event whose content is gone; ``discarded`` deliveries were pending."""

    id: str
    deleted: bool
    discarded: int
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_delivery(found: object) -> Delivery:
    """Return the delivery in a decoded answer.

    Raises:
        UnexpectedAnswerError: A field that every delivery has is missing or mistyped.
    """
    fields = Fields(found, "delivery")
    pending = fields.part("pending")
    return Delivery(
        id=fields.text("id"),
        event_id=fields.text("event_id"),
        status=fields.text("status"),
        created_at=fields.moment("created_at"),
        attempt_count=fields.number("attempt_count"),
        event_type=fields.maybe_text("event_type"),
        job_id=fields.maybe_text("job_id"),
        endpoint_id=fields.maybe_text("endpoint_id"),
        url=fields.maybe_text("url"),
        trigger=fields.maybe_text("trigger"),
        next_attempt_at=fields.maybe_moment("next_attempt_at"),
        outcome=fields.maybe_text("outcome"),
        status_code=fields.maybe_number("status_code"),
        detail=fields.maybe_text("detail"),
        attempted_at=fields.maybe_moment("attempted_at"),
        duration_ms=fields.maybe_number("duration_ms"),
        pending=_pending(pending) if pending else None,
        attempts=tuple(_attempt(part) for part in fields.parts("attempts")),
        more_attempts=fields.found.get("more_attempts") is True,
        raw=fields.found,
    )


def read_deliveries(found: object) -> tuple[tuple[Delivery, ...], str | None]:
    """Return one page of deliveries and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    page = tuple(read_delivery(part.found) for part in fields.parts("data"))
    return page, fields.maybe_text("next")


def read_webhook_event(found: object) -> WebhookEvent:
    """Return a kept event; errors are those of ``read_delivery``."""
    fields = Fields(found, "webhook event")
    return WebhookEvent(
        id=fields.text("id"),
        type=fields.text("type"),
        created_at=fields.moment("created_at"),
        job_id=fields.maybe_text("job_id"),
        channels=fields.texts("channels"),
        erased=fields.found.get("erased") is True,
        body=fields.maybe_text("body"),
        thin_body=fields.maybe_text("thin_body"),
        deliveries=tuple(read_delivery(part.found) for part in fields.parts("deliveries")),
        more_deliveries=fields.found.get("more_deliveries") is True,
        raw=fields.found,
    )


def read_erased(found: object) -> ErasedEvent:
    """Return what is told of an event that was erased; errors as of ``read_delivery``."""
    fields = Fields(found, "erased event")
    deleted = fields.found.get("deleted") is True
    return ErasedEvent(fields.text("id"), deleted, fields.number("discarded"), fields.found)


def _attempt(fields: Fields) -> Attempt:
    timings = Fields(fields.found.get("timings"), "attempt.timings")
    answer = fields.part("answer")
    return Attempt(
        number=fields.number("number"),
        recorded_at=fields.moment("recorded_at"),
        outcome=fields.text("outcome"),
        timings=AttemptTimings(
            timings.number("total_ms"),
            *(timings.maybe_number(f"{step}_ms") for step in ("dns", "connect", "tls")),
            first_byte_ms=timings.maybe_number("first_byte_ms"),
        ),
        answer=_answer(answer) if answer else AttemptAnswer(),
        id=fields.maybe_text("id"),
        trigger=fields.maybe_text("trigger"),
        started_at=fields.maybe_moment("started_at"),
        url=fields.maybe_text("url"),
        address=fields.maybe_text("address"),
        status_code=fields.maybe_number("status_code"),
        detail=fields.maybe_text("detail"),
        ended=fields.maybe_text("ended"),
        request_id=fields.maybe_text("request_id"),
    )


def _answer(fields: Fields) -> AttemptAnswer:
    return AttemptAnswer(
        fields.mapping("headers"), fields.maybe_text("body"), fields.maybe_text("body_encoding")
    )


def _pending(fields: Fields) -> Pending:
    lane = Fields(fields.found.get("lane"), "delivery.pending.lane")
    return Pending(
        next_attempt_at=fields.moment("next_attempt_at"),
        step=fields.number("step"),
        queue=fields.text("queue"),
        lane=ReceiverLane(
            breaker=lane.text("breaker"),
            endpoint_disabled=lane.found.get("endpoint_disabled") is True,
            blocked_until=lane.maybe_moment("blocked_until"),
        ),
    )
