"""What an attempt brought about beside its own record: for ``infra.notices`` to write."""

from infra.notices import LaneNews, NoticedDelivery
from infra.postgres.delivery import Owed
from schemas.receiver import Receiver
from worker.delivery.lane_state import LaneState
from worker.delivery.lane_step import LaneStep
from worker.delivery.schedule import Result


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
            # Events about no job have their own id there.
            job_id=None if owed.job_id == owed.event_id else owed.job_id,
            attempts=owed.attempt,
            outcome=result.word,
            status=result.status,
        ),
        failures=telling.failures,
        failing_since=telling.failing_since,
    )
