"""Deliveries and events as callers see them."""

import base64
from typing import Any, Final, Literal

from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.shape import Shape
from schemas.webhook_delivery import (
    Attempt,
    Delivery,
    DeliveryHistory,
    DeliveryStatus,
    StoredEvent,
    Waiting,
)

TriggerWord = Literal["scheduled", "manual", "probe", "recover", "test"]
EndWord = Literal["delivered", "exhausted", "discarded", "superseded"]


class DeliveryView(Shape):
    """A delivery in a listing. ``outcome`` and what follows it tell of the newest attempt."""

    id: str
    object: Literal["webhook_delivery"]
    event_id: str
    event_type: str | None
    job_id: str | None
    endpoint_id: str | None
    url: str | None
    status: DeliveryStatus
    trigger: TriggerWord | None
    created_at: str
    next_attempt_at: str | None
    attempt_count: int
    outcome: str | None
    status_code: int | None
    detail: str | None
    attempted_at: str | None
    duration_ms: int | None


class LaneView(Shape):
    """What holds back everything that the receiver is owed, if anything does."""

    blocked_until: str | None
    breaker: Literal["closed", "open", "slow_start"]
    endpoint_disabled: bool


class PendingView(Shape):
    """What a pending delivery waits for.

    ``step`` counts the attempts that used up a step of the schedule; one of the ``recovery``
    queue waits behind everything that is live.
    """

    next_attempt_at: str
    step: int
    queue: Literal["live", "recovery"]
    lane: LaneView


class AttemptTimings(Shape):
    """Milliseconds from the attempt's beginning, or of each step; null: not told."""

    dns_ms: int | None
    connect_ms: int | None
    tls_ms: int | None
    first_byte_ms: int | None
    total_ms: int


class AttemptAnswer(Shape):
    """What the receiver answered: a chosen few headers, and the beginning of its body.

    The body is the text itself if it is UTF-8, else base64 of it.
    """

    headers: dict[str, str]
    body: str | None
    body_encoding: Literal["utf-8", "base64"] | None


class AttemptView(Shape):
    """One attempt. ``ended``: what it made of the delivery; null: it is tried again."""

    id: str | None
    number: int
    trigger: TriggerWord | None
    started_at: str | None
    recorded_at: str
    url: str | None
    address: str | None
    outcome: str
    status_code: int | None
    detail: str | None
    ended: EndWord | None
    request_id: str | None
    timings: AttemptTimings
    answer: AttemptAnswer


class DeliveryDetailView(DeliveryView):
    """A delivery by itself; ``attempts``, newest first, are not all if there are ``more``."""

    pending: PendingView | None
    attempts: list[AttemptView]
    more_attempts: bool


class DeliveryPage(Shape):
    """One page of deliveries, newest first. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[DeliveryView]
    has_more: bool
    next: str | None


class WebhookEventView(Shape):
    """An event as it is kept.

    ``body`` is the text that is signed and sent, exactly; ``thin_body`` the one without
    outputs, for endpoints that get these, where it differs. Both are null once ``erased``.
    ``deliveries`` are the newest ones.
    """

    id: str
    object: Literal["webhook_event"]
    type: str
    created_at: str
    job_id: str | None
    channels: list[str]
    erased: bool
    body: str | None
    thin_body: str | None
    deliveries: list[DeliveryView]
    more_deliveries: bool


class ErasedEventView(Shape):
    """An event whose content is gone; ``discarded`` deliveries were pending."""

    id: str
    object: Literal["webhook_event.content"]
    deleted: Literal[True]
    discarded: int


_TEXT: Final = "utf-8"


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """Return the JSON form of ``delivery``: exactly the fields of ``DeliveryView``."""
    last, waiting = delivery.last, delivery.waiting
    return {
        "id": format_id("whd", delivery.id),
        "object": "webhook_delivery",
        "event_id": format_id("evt", delivery.event_id),
        "event_type": delivery.event_type,
        "job_id": format_id("job", delivery.job_id) if delivery.job_id else None,
        "endpoint_id": format_id("whe", delivery.endpoint_id) if delivery.endpoint_id else None,
        "url": delivery.url,
        "status": delivery.status.value,
        "trigger": None if delivery.trigger is None else delivery.trigger.word,
        "created_at": iso_ms(delivery.created_at),
        "next_attempt_at": iso_ms(waiting.next_at) if waiting else None,
        "attempt_count": last.n if last else 0,
        "outcome": last.outcome if last else None,
        "status_code": last.status if last else None,
        "detail": last.detail if last else None,
        "attempted_at": iso_ms(last.started_at or last.at) if last else None,
        "duration_ms": last.duration_ms if last else None,
    }


def history_view(history: DeliveryHistory) -> dict[str, Any]:
    """Return the JSON form of ``history``: exactly the fields of ``DeliveryDetailView``."""
    waiting = history.delivery.waiting
    return {
        **delivery_view(history.delivery),
        "pending": None if waiting is None else _pending_view(waiting),
        "attempts": [_attempt_view(attempt) for attempt in history.attempts],
        "more_attempts": history.more,
    }


def event_view(event: StoredEvent, deliveries: list[Delivery], *, more: bool) -> dict[str, Any]:
    """Return the JSON form of ``event``: exactly the fields of ``WebhookEventView``."""
    thin = None if event.erased else event.thin
    return {
        "id": format_id("evt", event.id),
        "object": "webhook_event",
        "type": event.type,
        "created_at": iso_ms(event.at),
        "job_id": format_id("job", event.job_id) if event.job_id else None,
        "channels": list(event.channels),
        "erased": event.erased,
        "body": None if event.erased else event.body.decode(_TEXT, "replace"),
        "thin_body": None if thin is None else thin.decode(_TEXT, "replace"),
        "deliveries": [delivery_view(delivery) for delivery in deliveries],
        "more_deliveries": more,
    }


def _pending_view(waiting: Waiting) -> dict[str, Any]:
    blocked = waiting.blocked_until
    return {
        "next_attempt_at": iso_ms(waiting.next_at),
        "step": waiting.step,
        "queue": "recovery" if waiting.recovered else "live",
        "lane": {
            "blocked_until": iso_ms(blocked) if blocked else None,
            "breaker": waiting.breaker.name.lower(),
            "endpoint_disabled": waiting.endpoint_disabled,
        },
    }


def _attempt_view(attempt: Attempt) -> dict[str, Any]:
    body, encoding = _readable(attempt.answer_body)
    return {
        "id": None if attempt.id is None else str(attempt.id),
        "number": attempt.n,
        "trigger": None if attempt.trigger is None else attempt.trigger.word,
        "started_at": iso_ms(attempt.started_at) if attempt.started_at else None,
        "recorded_at": iso_ms(attempt.at),
        "url": attempt.url,
        "address": attempt.address,
        "outcome": attempt.outcome,
        "status_code": attempt.status,
        "detail": attempt.detail,
        "ended": None if attempt.ended is None else attempt.ended.word,
        "request_id": attempt.request_id,
        "timings": {
            "dns_ms": attempt.dns_ms,
            "connect_ms": attempt.connect_ms,
            "tls_ms": attempt.tls_ms,
            "first_byte_ms": attempt.first_byte_ms,
            "total_ms": attempt.duration_ms,
        },
        "answer": {
            "headers": dict(attempt.answer_headers or {}),
            "body": body,
            "body_encoding": encoding,
        },
    }


def _readable(body: bytes | None) -> tuple[str | None, str | None]:
    """Return a body as text if it is some, else in base64, and which of the two."""
    if body is None:
        return None, None
    try:
        return body.decode(_TEXT), _TEXT
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
