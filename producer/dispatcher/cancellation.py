"""The backstop of cancelling: what its worker does not end in time, the ledger ends."""

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.endings import ending_of
from infra.new_ids import new_key
from infra.postgres.cancel import lock_overdue_cancels
from infra.postgres.engine import transaction
from infra.postgres.finish import Ending, finish_jobs
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_FINISHED, REAPED
from schemas.claim import Claim
from schemas.errors import JobCancelledError
from schemas.ids import format_id
from schemas.job_states import AttemptOutcome, JobState, JobStatus

_BATCH: Final = 500

_log: Final = structlog.get_logger()


async def end_overdue_cancels(engine: AsyncEngine, settings: Settings) -> list[UUID]:
    """End jobs whose worker was told to cancel, and did not within the grace; return them.

    The worker may hang, or hear of nothing. Whatever it writes later finds no job.
    """
    async with transaction(engine) as connection:
        found = await lock_overdue_cancels(connection, settings.cancel_grace, limit=_BATCH)
        if not found:
            return []
        endings = [
            cancellation_of(claim, AttemptOutcome.CANCELLED, at, settings)
            for claim, at in found
        ]
        finished = await finish_jobs(connection, endings)
    REAPED.labels("cancel_overdue").inc(len(finished.jobs))
    for claim, _ in found:
        JOBS_FINISHED.labels(
            claim.lane.value, claim.kind.value, JobStatus.CANCELLED.value
        ).inc()
    _log.warning("cancels_overdue", jobs=len(finished.jobs))
    return list(finished.jobs)


def cancellation_of(
    claim: Claim, outcome: AttemptOutcome, at: datetime, settings: Settings
) -> Ending:
    """Return the end of a cancelled job whose attempt ended with ``outcome``."""
    return ending_of(
        claim,
        state=JobState.CANCELLED,
        outcome=outcome,
        finished_at=at,
        public_url=settings.public_url,
        error=JobCancelledError().record(format_id("err", new_key())),
    )
