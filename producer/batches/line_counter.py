"""Counts lines that end, for the metrics of this process."""

from infra.telemetry.metrics import BATCH_LINES_ENDED
from schemas.batch import LineOutcome
from schemas.batch_record import BatchRecord


class LineCounter:
    """Sees one batch again and again, as it was committed, and counts what is new."""

    def __init__(self) -> None:
        self._seen: BatchRecord | None = None

    def look(self, batch: BatchRecord) -> None:
        """Count what has ended since the last look; the first only tells where it stands."""
        before, self._seen = self._seen, batch
        # What its files say of lines that were counted is told with its end.
        if before is None or batch.status.final:
            return
        for outcome in LineOutcome:
            ended = _number(batch, outcome) - _number(before, outcome)
            if ended > 0:
                BATCH_LINES_ENDED.labels(outcome.name.lower()).inc(ended)


def _number(batch: BatchRecord, outcome: LineOutcome) -> int:
    match outcome:
        case LineOutcome.SUCCEEDED:
            return batch.completed
        case LineOutcome.EXPIRED:
            return batch.expired
        case LineOutcome.CANCELLED:
            return batch.cancelled
        case LineOutcome.FAILED:
            return batch.failed - batch.expired - batch.cancelled
