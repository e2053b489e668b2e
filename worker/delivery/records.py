"""What is kept and said of an attempt: its row, its metrics, its line in the log."""

import base64
import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from infra.new_ids import new_key
from infra.postgres.delivery import Owed
from infra.postgres.delivery_lanes import LaneLease
from infra.postgres.delivery_records import AttemptRecord
from infra.telemetry.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_DELIVERY_SECONDS
from schemas.ids import format_id
from schemas.receiver import Receiver
from schemas.webhooks import Ended
from worker.delivery.schedule import Decision, Outcome, Result
from worker.delivery.spans import tell_result

SUPERSEDED: Final = "superseded"

_log: Final = structlog.get_logger()


def record_of(
    owed: Owed,
    receiver: Receiver,
    result: Result,
    decision: Decision,
    *,
    attempt_id: UUID,
    lease: LaneLease,
    started_at: datetime,
) -> AttemptRecord:
    """Return what PostgreSQL shall know of the attempt."""
    ended, delay, body = decision.ended, decision.delay, result.answer_body
    return {
        "id": owed.id,
        "lane": lease.lane_id,
        "lease": lease.fence,
        "attempt": owed.attempt,
        "attempt_id": attempt_id,
        "trigger": owed.trigger.value,
        "outcome": result.word,
        "started_at": started_at,
        "ms": _whole(result),
        "ended": None if ended is None else ended.value,
        "delay": None if delay is None else delay.total_seconds(),
        "failures": decision.failures,
        "stays": decision.stays,
        "type": owed.event_type,
        "url": receiver.url or owed.url,
        "status": result.status,
        "detail": result.detail,
        "address": result.address,
        "dns_ms": result.dns_ms,
        "connect_ms": result.connect_ms,
        "tls_ms": result.tls_ms,
        "first_byte_ms": result.first_byte_ms,
        "request_id": result.request_id,
        "headers": result.answer_headers,
        "body": None if body is None else base64.b64encode(body).decode("ascii"),
    }


def record_of_superseded(owed: Owed, *, lease: LaneLease, at: datetime) -> AttemptRecord:
    """Return what PostgreSQL shall know of progress that is no news any more."""
    return {
        "id": owed.id,
        "lane": lease.lane_id,
        "lease": lease.fence,
        "attempt": owed.attempt,
        "attempt_id": new_key(),
        "trigger": owed.trigger.value,
        "outcome": SUPERSEDED,
        "started_at": at,
        "ms": 0,
        "ended": Ended.SUPERSEDED.value,
        "delay": None,
        "failures": owed.failures,
        "stays": False,
        "type": owed.event_type,
        "url": owed.url,
        "detail": "a newer event of the job was there before it was sent",
    }


def tell(owed: Owed, result: Result, decision: Decision, *, waited: timedelta) -> None:
    """Count and log the attempt. The path of the URL may be a secret: it is not logged.

    Args:
        owed: What was sent.
        result: What came of it.
        decision: What follows.
        waited: Since the delivery was fetched, the attempt included.
    """
    _ATTEMPTS[result.outcome].inc()
    tell_result(result)
    if decision.outcome is Outcome.SUCCESS:
        WEBHOOK_DELIVERY_SECONDS.observe((owed.age + waited).total_seconds())
        # A line for each would cost as much as to send it; its row tells the same and more.
        if _log.is_enabled_for(logging.DEBUG):
            _log.debug("webhook_delivered", event_type=owed.event_type, **_words(owed, result))
    elif decision.ended is not None:
        _log.warning(
            "webhook_given_up",
            outcome=result.word,
            ended=decision.ended.word,
            reason=result.detail,
            **_words(owed, result),
        )
    else:
        _log.info(
            "webhook_attempt_failed",
            outcome=result.word,
            reason=result.detail,
            again_in_s=None
            if decision.delay is None
            else round(decision.delay.total_seconds(), 1),
            **_words(owed, result),
        )


def _whole(result: Result) -> int:
    # Rounded as its parts are, so that none of them is longer than the whole.
    return max(round(result.duration / _MILLISECOND), result.first_byte_ms or 0)


def _words(owed: Owed, result: Result) -> dict[str, object]:
    return {
        "event_id": format_id("evt", owed.event_id),
        "job_id": format_id("job", owed.job_id),
        "tenant_id": owed.tenant_id,
        "attempt": owed.attempt,
        "origin": owed.origin,
        "status": result.status,
        "duration_ms": _whole(result),
    }


_MILLISECOND: Final = timedelta(milliseconds=1)
# Made once: a label is looked up under a lock.
_ATTEMPTS: Final = {outcome: WEBHOOK_ATTEMPTS.labels(outcome.value) for outcome in Outcome}
