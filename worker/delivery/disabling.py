"""When an endpoint is disabled without anybody asking for it by hand. Pure.

After Svix: no success for five days, with failures at least twelve hours apart; and at once if
the receiver says that it is gone, or wants no more.
"""

from datetime import datetime, timedelta
from typing import Final

from schemas.webhooks import DisabledReason
from worker.delivery.lane_state import LaneState
from worker.delivery.schedule import DISABLE, UNCOUNTED, Outcome, Result

DEAD_AFTER: Final = timedelta(days=5)
_APART: Final = timedelta(hours=12)


def reason_to_disable(
    state: LaneState, result: Result, *, at: datetime
) -> DisabledReason | None:
    """Return why the endpoint is to be disabled after an attempt; ``None``: it is not.

    Args:
        state: Of its lane, before the attempt ended.
        result: What came of the attempt.
        at: Now.
    """
    if result.outcome is Outcome.GONE:
        return DisabledReason.GONE
    if result.delivery_control == DISABLE:
        return DisabledReason.ASKED
    since, last = state.failing_since, state.last_failure_at
    if result.outcome in UNCOUNTED or since is None or last is None:
        return None
    # One failure then and one now are not five days of failures.
    dead = at - since >= DEAD_AFTER and last - since >= _APART
    return DisabledReason.FAILING if dead else None
