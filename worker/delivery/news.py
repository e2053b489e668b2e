"""What an attempt brought about beside its own record: for ``infra.notices`` to write."""

from typing import Final
from uuid import UUID

import structlog

from infra.notices import LaneNews, NoticedDelivery
from infra.postgres.delivery import Owed
from infra.postgres.forgotten_lanes import Expired
from infra.telemetry.metrics import WEBHOOK_BREAKERS
from schemas.events import EventType
from schemas.receiver import Receiver
from schemas.webhooks import Breaker, Ended
from worker.delivery.lane_state import LaneState
from worker.delivery.lane_step import TOLD_OF, LaneStep
from worker.delivery.schedule import Outcome, Result

_log: Final = structlog.get_logger()


def tell_of_lane(receiver: Receiver, *, before: LaneState, state: LaneState) -> None:
    """Count and log a breaker that opened or closed."""
    was, is_open = before.breaker is Breaker.OPEN, state.breaker is Breaker.OPEN
    if was is is_open:
        return
    log = _log.bind(tenant_id=receiver.tenant_id, origin=receiver.origin)
    if is_open:
        WEBHOOK_BREAKERS.labels("opened").inc()
        log.warning("webhook_breaker_opened", failures=state.failures)
    else:
        WEBHOOK_BREAKERS.labels("closed").inc()
        log.info("webhook_breaker_closed", failures=before.failures, probes=before.probes)


def is_told_of(expired: Expired) -> bool:
    """Return whether the tenant is told that a delivery's time was up."""
    return expired.ended is Ended.EXHAUSTED and expired.kind in TOLD_OF


def expiry_of(expired: Expired) -> LaneNews:
    """Return what is told of a delivery whose time was up."""
    return LaneNews(
        tenant_id=expired.tenant_id,
        endpoint_id=expired.endpoint_id,
        revision=0,
        origin=expired.origin,
        types=(EventType.DELIVERY_EXHAUSTED,),
        disable=None,
        delivery=NoticedDelivery(
            id=expired.id,
            event_id=expired.event_id,
            event_type=expired.event_type,
            job_id=_job(expired.job_id, expired.event_id),
            attempts=expired.attempts,
            outcome=Outcome.EXHAUSTED.value,
            status=None,
        ),
        failures=0,
        failing_since=None,
    )


def news_of(
    owed: Owed, receiver: Receiver, result: Result, step: LaneStep, *, before: LaneState
) -> LaneNews | None:
    """Return what the record's transaction writes as well; ``None``: nothing, as nearly always.

    Args:
        owed: What was sent.
        receiver: To whom.
        result: What came of it.
        step: What follows.
        before: The lane's state until then.
    """
    if not step.notices and step.disable is None:
        return None
    telling = step.state if step.state.failures else before
    return LaneNews(
        tenant_id=owed.tenant_id,
        endpoint_id=receiver.endpoint_id,
        revision=receiver.revision,
        origin=receiver.origin,
        types=step.notices,
        disable=step.disable,
        delivery=NoticedDelivery(
            id=owed.id,
            event_id=owed.event_id,
            event_type=owed.event_type,
            job_id=_job(owed.job_id, owed.event_id),
            attempts=owed.attempt,
            outcome=result.word,
            status=result.status,
        ),
        failures=telling.failures,
        failing_since=telling.failing_since,
    )


def _job(job_id: UUID, event_id: UUID) -> UUID | None:
    # Events about no job have their own id there.
    return None if job_id == event_id else job_id
