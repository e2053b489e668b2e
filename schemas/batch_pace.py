"""How far a batch is, and when it will probably have ended. Pure."""

import math
from datetime import datetime
from typing import Final

from schemas.batch import BatchStatus
from schemas.batch_record import BatchRecord

# Even of a batch that is nearly done, the pace of the rest is not known better than this.
_SPREAD: Final = 0.15
_WIDEST: Final = 0.9


def progress_of(batch: BatchRecord) -> float:
    """Return which part of a batch's lines has ended: 0 to 1."""
    if batch.status.final:
        return 1.0
    if batch.total == 0:
        return 0.0
    return min(1.0, (batch.completed + batch.failed) / batch.total)


def eta_of(batch: BatchRecord, now: datetime) -> tuple[int, int] | None:
    """Return in how many seconds a batch will have ended, at best and at worst.

    The rest is reckoned at the pace of the lines that have ended: their number ``n`` tells a
    rate to within about ``1 / sqrt(n)`` of it. It does not outlast the completion window.

    Returns:
        ``None`` while no line has ended, and once the batch has.
    """
    done = batch.completed + batch.failed
    begun = batch.in_progress_at
    if batch.status is not BatchStatus.IN_PROGRESS or begun is None or done == 0:
        return None
    elapsed = max(0.001, (now - begun).total_seconds())
    rest = max(0, batch.total - done) * elapsed / done
    spread = min(_WIDEST, _SPREAD + 1 / math.sqrt(done))
    left = max(0.0, (batch.expires_at - now).total_seconds())
    low, high = min(rest * (1 - spread), left), min(rest * (1 + spread), left)
    return math.floor(low), math.ceil(high)
