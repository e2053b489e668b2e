"""Gives back what was lost, makes due work ready, and keeps the house; any dispatcher may."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import Clock
from infra.endings import ending_of
from infra.new_ids import new_key
from infra.postgres.engine import single_statements, transaction
from infra.postgres.finish import Ending, finish_jobs
from infra.postgres.flows import forget_idle_flows, wake_flows, wake_sleepers
from infra.postgres.limits import forget_idle_limits
from infra.postgres.overdue import find_overdue
from infra.postgres.parks import unpark_flows
from infra.postgres.partitions import drop_partitions_before, ensure_partitions
from infra.postgres.reap import (
    LARGEST_BATCH,
    LostAttempt,
    forget_dead_sessions,
    forget_old_keys,
    lanes_with_expired_releases,
    lease_of,
    lock_lost_attempts,
    lose_attempts,
    promote_due,
    rescue_releases,
)
from infra.settings import Settings
from infra.telemetry.metrics import REAPED, SLEEPING_FLOWS_FOUND
from producer.budgets import balance_all_books
from producer.dispatcher.batch_house import keep_batch_house
from producer.dispatcher.cancellation import cancellation_of, end_overdue_cancels
from producer.dispatcher.chat_house import keep_chat_house
from producer.dispatcher.expiry import expire_waiting, take_back_hung
from producer.dispatcher.webhook_house import keep_webhook_house
from schemas import lanes
from schemas.errors import BrokerUnavailableError, DatabaseUnavailableError, WorkerLostError
from schemas.ids import format_id
from schemas.job_states import AttemptOutcome, JobState
from schemas.lanes import Lane

OldestWaiting = Callable[[Lane], Awaitable[list[UUID]]]

# A round ends after so many batches of due jobs: other duties wait.
_BATCHES: Final = 10
_IDLE_FLOW_AGE: Final = timedelta(days=1)
_DEAD_SESSION_AGE: Final = timedelta(hours=1)
_PARTITIONS_AHEAD: Final = timedelta(days=21)

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one round found.

    Attributes:
        ended: Jobs that were given up, expired or finally cancelled.
        next_in: Seconds until something falls due, as far as is known.
    """

    woken: int = 0
    ended: tuple[UUID, ...] = ()
    next_in: float | None = None


async def reap(
    engine: AsyncEngine, settings: Settings, oldest_waiting: OldestWaiting
) -> Reaped:
    """Run one round: what is due or over, cancelled in vain, lost in the broker or a worker."""
    async with transaction(single_statements(engine)) as connection:
        found = await find_overdue(connection, settings.cancel_grace)
    woken, late = 0, list[int]()
    if found.parks or found.late:
        async with transaction(engine) as connection:
            woken = await unpark_flows(connection)
            late = await lanes_with_expired_releases(connection)
    if found.due:
        woken += await _promote(engine)
    if late:
        woken += await _rescue(engine, late, oldest_waiting)
    cancelled = await end_overdue_cancels(engine, settings) if found.cancels else []
    lost, ended = await _take_from_dead_workers(engine, settings) if found.lost else (0, ())
    expired = await expire_waiting(engine, settings) if found.expired else []
    return Reaped(woken + lost, (*cancelled, *ended, *expired), found.next_in)


async def reap_hung(engine: AsyncEngine, settings: Settings) -> Reaped:
    """Take back attempts that hang in workers which live: rare, and not cheap to find."""
    taken = await take_back_hung(engine, settings)
    return Reaped(taken.again, taken.ended)


async def audit_flows(engine: AsyncEngine) -> None:
    """Wake flows that sleep on ready work. None should; each is counted and logged."""
    async with transaction(engine) as connection:
        found = await wake_sleepers(connection)
    if found:
        SLEEPING_FLOWS_FOUND.inc(found)
        _log.error("sleeping_flows_found", flows=found)


async def keep_house(engine: AsyncEngine, settings: Settings, clock: Clock) -> None:
    """Make partitions ahead of time, drop those past retention, forget what expired."""
    now = clock.now()
    async with transaction(engine) as connection:
        made = await ensure_partitions(connection, now=now, ahead=_PARTITIONS_AHEAD)
    async with transaction(engine) as connection:
        dropped = await drop_partitions_before(connection, before=now - settings.retention)
    async with transaction(engine) as connection:
        await forget_old_keys(connection)
        await forget_idle_flows(connection, _IDLE_FLOW_AGE)
        await forget_dead_sessions(connection, _DEAD_SESSION_AGE)
        await forget_idle_limits(connection)
    await keep_webhook_house(engine)
    await keep_chat_house(engine, settings.retention)
    await keep_batch_house(engine, now - settings.retention)
    await balance_all_books(engine)
    if made or dropped:
        _log.info("partitions_moved", made=made, dropped=dropped)


async def _promote(engine: AsyncEngine) -> int:
    promoted = 0
    for _ in range(_BATCHES):
        async with transaction(engine) as connection:
            due = await promote_due(connection)
            await wake_flows(connection, due)
        promoted += len(due)
        if len(due) < LARGEST_BATCH:
            break
    REAPED.labels("due").inc(promoted)
    return promoted


async def _rescue(engine: AsyncEngine, late: list[int], oldest_waiting: OldestWaiting) -> int:
    try:
        waiting = {n: await oldest_waiting(lanes.BY_NUMBER[n]) for n in late}
    except BrokerUnavailableError as error:
        # Releasing again into a broker that is away would only do this again.
        _log.warning("rescue_postponed", reason=error.message)
        return 0
    async with transaction(engine) as connection:
        rescued = await rescue_releases(connection, await _since(connection, waiting))
        await wake_flows(connection, rescued)
    if rescued:
        REAPED.labels("release_expired").inc(len(rescued))
        _log.warning("releases_rescued", jobs=len(rescued))
    return len(rescued)


async def _since(
    connection: AsyncConnection, waiting: Mapping[int, list[UUID]]
) -> dict[int, datetime]:
    leases = {lane: await lease_of(connection, jobs) for lane, jobs in waiting.items() if jobs}
    return {lane: lease for lane, lease in leases.items() if lease is not None}


async def _take_from_dead_workers(
    engine: AsyncEngine, settings: Settings
) -> tuple[int, tuple[UUID, ...]]:
    async with transaction(engine) as connection:
        found = await lock_lost_attempts(connection)
        if not found:
            return 0, ()
        over = [attempt for attempt in found if _is_over(attempt, settings)]
        again = [attempt for attempt in found if not _is_over(attempt, settings)]
        await wake_flows(connection, await lose_attempts(connection, again))
    for lost in over:
        # Apart from the others and from each other: one that cannot end must not hold them up.
        try:
            async with transaction(engine) as connection:
                await finish_jobs(connection, [_death_of(lost, settings)])
        except DatabaseUnavailableError:
            raise
        except Exception:  # noqa: BLE001 - the next round tries it again
            _log.exception("death_not_written", job_id=format_id("job", lost.claim.job_id))
    REAPED.labels("session_lost").inc(len(found))
    _log.warning("attempts_lost", jobs=len(found), given_up=len(over))
    return len(again), tuple(lost.claim.job_id for lost in over)


def _is_over(lost: LostAttempt, settings: Settings) -> bool:
    return lost.claim.cancel or lost.lost + 1 >= settings.max_lost


def _death_of(lost: LostAttempt, settings: Settings) -> Ending:
    if lost.claim.cancel:
        return cancellation_of(lost.claim, AttemptOutcome.LOST, lost.found_at, settings)
    error = WorkerLostError(
        f"{lost.lost + 1} workers died while running this job; it was given up"
    )
    return ending_of(
        lost.claim,
        state=JobState.DEAD,
        outcome=AttemptOutcome.LOST,
        finished_at=lost.found_at,
        public_url=settings.public_url,
        error=error.record(format_id("err", new_key())),
    )
