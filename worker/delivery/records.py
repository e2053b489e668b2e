"""What is kept and said of an attempt: its row, its metrics, its line in the log."""

from datetime import timedelta
from typing import Final

import structlog

from infra.postgres.delivery import AttemptRecord, Owed
from infra.telemetry.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_DELIVERY_SECONDS
from schemas.ids import format_id
from worker.delivery.schedule import Decision, Outcome, Result
from worker.delivery.spans import tell_result

_log: Final = structlog.get_logger()


def record_of(owed: Owed, result: Result, decision: Decision) -> AttemptRecord:
    """Return what PostgreSQL shall know of the attempt."""
    detail = result.detail
    if decision.outcome is not result.outcome:
        detail = ": ".join(part for part in (result.outcome.value, result.detail) if part)
    return AttemptRecord(
        delivery_id=owed.id,
        fence=owed.attempt,
        outcome=decision.outcome.value,
        status=result.status,
        detail=detail,
        duration=result.duration,
        delay=decision.delay,
        failures=decision.failures,
    )


def tell(owed: Owed, result: Result, decision: Decision) -> None:
    """Count and log the attempt. The path of the URL may be a secret: it is not logged."""
    WEBHOOK_ATTEMPTS.labels(result.outcome.value).inc()
    tell_result(result)
    log = _log.bind(
        event_id=format_id("evt", owed.event_id),
        job_id=format_id("job", owed.job_id),
        tenant_id=owed.tenant_id,
        attempt=owed.attempt,
        origin=owed.origin,
        status=result.status,
        duration_ms=result.duration // timedelta(milliseconds=1),
    )
    if decision.outcome is Outcome.SUCCESS:
        WEBHOOK_DELIVERY_SECONDS.observe((owed.age + result.duration).total_seconds())
        log.info("webhook_delivered", event_type=owed.event_type)
    elif decision.delay is None:
        log.warning("webhook_given_up", outcome=decision.outcome.value, reason=result.detail)
    else:
        log.info(
            "webhook_attempt_failed",
            outcome=decision.outcome.value,
            reason=result.detail,
            again_in_s=round(decision.delay.total_seconds(), 1),
        )
