"""Rows of deliveries and attempts as values."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from schemas.webhook_delivery import Attempt, Delivery, Waiting
from schemas.webhooks import Breaker, Ended, Trigger


def delivery_of_row(row: Row[Any]) -> Delivery:
    """Return the delivery that a row shows, with the attempt beside it as its newest."""
    job_id: UUID | None = row.job_id
    return Delivery(
        id=row.id,
        event_id=row.event_id,
        # An event that is about no job stands there under its own id.
        job_id=None if job_id == row.event_id else job_id,
        endpoint_id=row.endpoint_id,
        event_type=row.type,
        url=row.shown_url,
        trigger=_trigger(row.shown_trigger),
        last=None if row.n is None else attempt_of_row(row),
        waiting=_waiting(row) if row.pending else None,
    )


def attempt_of_row(row: Row[Any]) -> Attempt:
    """Return the attempt that a row shows."""
    return Attempt(
        n=row.n,
        outcome=row.outcome,
        at=row.at,
        duration_ms=row.duration_ms,
        status=row.status,
        detail=row.detail,
        id=row.attempt_id,
        trigger=_trigger(row.trigger),
        started_at=row.started_at,
        ended=None if row.ended is None else Ended(row.ended),
        url=row.url,
        address=row.address,
        dns_ms=row.dns_ms,
        connect_ms=row.connect_ms,
        tls_ms=row.tls_ms,
        first_byte_ms=row.first_byte_ms,
        request_id=row.request_id,
        answer_headers=row.answer_headers,
        answer_body=None if row.answer_body is None else bytes(row.answer_body),
    )


def _waiting(row: Row[Any]) -> Waiting:
    return Waiting(
        next_at=row.next_at,
        step=row.step,
        recovered=row.rank > 0,
        blocked_until=row.blocked_until,
        breaker=Breaker(row.breaker or 0),
        endpoint_disabled=row.disabled,
    )


def _trigger(number: int | None) -> Trigger | None:
    return None if number is None else Trigger(number)
