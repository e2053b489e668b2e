"""Ends what waits past its time, and takes back what runs past its time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.endings import ending_of, withdrawal_of
from infra.new_ids import new_key
from infra.postgres.engine import transaction
from infra.postgres.expire import (
    Overrun,
    lock_expired,
    lock_overruns,
    take_back_overruns,
)
from infra.postgres.finish import Ending, finish_jobs
from infra.postgres.flows import wake_flows
from infra.postgres.withdraw import WaitingJob, Withdrawal, withdraw_jobs
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_FINISHED, REAPED
from producer.dispatcher.cancellation import cancellation_of
from schemas.errors import ErrorRecord, GenqError, ModelTimeoutError
from schemas.expiry import not_ended, not_started
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job_states import AttemptOutcome, JobState, JobStatus

_BATCH: Final = 500
# A round ends after so many batches: other duties wait.
_BATCHES: Final = 10

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of attempts that hung: how many run again, and which jobs ended."""

    again: int = 0
    ended: tuple[UUID, ...] = ()


async def expire_waiting(engine: AsyncEngine, settings: Settings) -> list[UUID]:
    """End jobs that did not start, or did not end, by the instant that was set; return them."""
    ended: list[UUID] = []
    for _ in range(_BATCHES):
        async with transaction(engine) as connection:
            found = await lock_expired(connection, limit=_BATCH)
            finished = await withdraw_jobs(
                connection, [_expiry_of(waiting, settings) for waiting in found]
            )
        ended += finished.jobs
        for waiting in found:
            job = waiting.job
            JOBS_FINISHED.labels(job.lane.value, job.kind.value, JobStatus.EXPIRED.value).inc()
        if len(found) < _BATCH:
            break
    if ended:
        REAPED.labels("expired").inc(len(ended))
    return ended


async def take_back_hung(engine: AsyncEngine, settings: Settings) -> TakenBack:
    """Take attempts back that outlived their time although their worker's session lives.

    The worker's own timers end an attempt in time; this is for a worker whose timers do not.
    It counts as a timeout: the job runs again, or it is dead.
    """
    times: dict[Kind, timedelta] = {kind: settings.attempt_timeout(kind) for kind in Kind}
    async with transaction(engine) as connection:
        found = await lock_overruns(connection, times, settings.cancel_grace, limit=_BATCH)
        if not found:
            return TakenBack()
        over = [overrun for overrun in found if _is_last(overrun, settings)]
        again = [overrun for overrun in found if not _is_last(overrun, settings)]
        if over:
            await finish_jobs(connection, [_end_of(overrun, settings) for overrun in over])
        flows = await take_back_overruns(
            connection,
            [(o.claim, orjson.dumps(_record(_timeout())).decode()) for o in again],
        )
        await wake_flows(connection, flows)
    REAPED.labels("attempt_overrun").inc(len(found))
    _log.error("attempts_overran", jobs=len(found), given_up=len(over))
    return TakenBack(len(again), tuple(overrun.claim.job_id for overrun in over))


def _expiry_of(waiting: WaitingJob, settings: Settings) -> Withdrawal:
    start_by, deadline = waiting.start_by, waiting.job.deadline
    too_late = start_by and (deadline is None or start_by <= deadline)
    return withdrawal_of(
        waiting,
        state=JobState.EXPIRED,
        error=not_started(start_by) if start_by and too_late else not_ended(deadline),
        public_url=settings.public_url,
    )


def _is_last(overrun: Overrun, settings: Settings) -> bool:
    claim = overrun.claim
    return claim.cancel or overrun.late or claim.failures + 1 >= settings.max_attempts


def _end_of(overrun: Overrun, settings: Settings) -> Ending:
    claim, at = overrun.claim, overrun.found_at
    if claim.cancel:
        return cancellation_of(claim, AttemptOutcome.CANCELLED, at, settings)
    return ending_of(
        claim,
        state=JobState.EXPIRED if overrun.late else JobState.DEAD,
        outcome=AttemptOutcome.TIMEOUT,
        finished_at=at,
        public_url=settings.public_url,
        error=_record(not_ended(claim.deadline) if overrun.late else _timeout()),
    )


def _timeout() -> ModelTimeoutError:
    return ModelTimeoutError(
        "the attempt did not end at its time limit, and was taken from its worker"
    )


def _record(error: GenqError) -> ErrorRecord:
    return error.record(format_id("err", new_key()))
