"""From rows to gauges: what was not counted is zero, so that no series vanishes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.receiver_counts import receiver_states
from infra.postgres.review_decisions import ReviewCount, open_counts
from infra.postgres.state_counts import (
    DeliveryCounts,
    LaneState,
    WorkerState,
    budgets_near_limit,
    delivery_counts,
    lane_states,
    open_batches,
    tenant_budgets,
    tenant_jobs,
    worker_states,
)
from infra.settings import Settings
from infra.telemetry import state_metrics as gauges
from infra.telemetry.state_metrics import Labels, StateGauge, Values
from schemas.batch import BatchStatus
from schemas.budget import PERIODS, UNITS
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.review import Origin

_UNFINISHED: Final = tuple(state for state in JobState if not state.final)
_UNFINISHED_BATCHES: Final = tuple(status for status in BatchStatus if not status.final)


async def count_states(
    connection: AsyncConnection, settings: Settings
) -> Mapping[StateGauge, Values]:
    """Return every gauge of the database but the count of end users.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    found = {
        **values_of_lanes(await lane_states(connection)),
        **values_of_deliveries(await delivery_counts(connection)),
        **values_of_workers(await worker_states(connection, settings.session_ttl)),
    }
    batches = await open_batches(connection)
    found[gauges.BATCHES] = {
        (status.word,): float(batches.get(status, 0)) for status in _UNFINISHED_BATCHES
    }
    found[gauges.WEBHOOK_RECEIVERS] = {
        (state.value,): float(count)
        for state, count in (await receiver_states(connection)).items()
    }
    eighty, full = await budgets_near_limit(connection)
    found[gauges.BUDGETS_NEAR_LIMIT] = {("80",): float(eighty), ("100",): float(full)}
    found |= values_of_reviews(await open_counts(connection, None))
    if settings.metrics_tenants:
        found |= await _of_tenants(connection, settings.metrics_tenants)
    return found


def values_of_lanes(counted: Iterable[LaneState]) -> dict[StateGauge, Values]:
    """Return the gauges by lane; ages are those of ready jobs and of running attempts."""
    jobs = {(lane.value, state.name.lower()): 0.0 for lane in Lane for state in _UNFINISHED}
    waiting, running, overdue = _per_lane(), _per_lane(), _per_lane()
    for row in counted:
        lane = row.lane.value
        jobs[lane, row.state.name.lower()] = row.jobs
        if row.state is JobState.READY:
            waiting[lane,] = row.oldest_seconds
        if row.state is JobState.RUNNING:
            running[lane,] = row.running_seconds
            overdue[lane,] = row.overdue
    return {
        gauges.JOBS: jobs,
        gauges.QUEUE_OLDEST_JOB_AGE_SECONDS: waiting,
        gauges.OLDEST_ATTEMPT_AGE_SECONDS: running,
        gauges.JOBS_OVERDUE: overdue,
    }


def values_of_deliveries(counted: DeliveryCounts) -> dict[StateGauge, Values]:
    """Return the gauges of what is owed to receivers."""
    return {
        gauges.OUTBOX_BACKLOG: {(): counted.owed},
        gauges.WEBHOOK_BACKLOG: {(): counted.failed_before},
        gauges.OUTBOX_OLDEST_AGE_SECONDS: {(): counted.oldest_due_seconds},
        gauges.WEBHOOKS_HELD_BACK: {(): counted.held_back},
        gauges.WEBHOOK_OLDEST_AGE_SECONDS: {(): counted.oldest_seconds},
    }


def values_of_workers(workers: Sequence[WorkerState]) -> dict[StateGauge, Values]:
    """Return the gauges of worker sessions; a draining worker takes no lane."""
    states = {("alive",): 0.0, ("draining",): 0.0, ("silent",): 0.0}
    takes = _per_lane()
    for worker in workers:
        state = "silent" if worker.expired else "draining" if worker.draining else "alive"
        states[state,] += 1
        if state == "alive":
            for lane in worker.lanes:
                takes[lane.value,] += 1
    found: dict[StateGauge, Values] = {gauges.WORKERS: states, gauges.LANE_WORKERS: takes}
    silence = max((worker.silent_seconds for worker in workers), default=None)
    # Without a worker there is no age; an alert asks for the workers themselves.
    found[gauges.WORKER_HEARTBEAT_AGE_SECONDS] = {} if silence is None else {(): silence}
    return found


def values_of_reviews(counted: Iterable[ReviewCount]) -> dict[StateGauge, Values]:
    """Return the gauges of what waits for people."""
    waiting = {(origin.value,): 0.0 for origin in Origin}
    oldest = dict(waiting)
    for row in counted:
        waiting[row.origin,] = float(row.open)
        oldest[row.origin,] = row.oldest_seconds
    return {gauges.REVIEWS_OPEN: waiting, gauges.REVIEWS_OLDEST_AGE_SECONDS: oldest}


async def _of_tenants(
    connection: AsyncConnection, names: Sequence[str]
) -> dict[StateGauge, Values]:
    jobs: dict[Labels, float] = {
        (name, state.name.lower()): 0.0 for name in names for state in _UNFINISHED
    }
    for (name, state), count in (await tenant_jobs(connection, names)).items():
        jobs[name, state.name.lower()] = count
    budgets = {
        (use.tenant, UNITS[use.unit].value, PERIODS[use.period].value): use.ratio
        for use in await tenant_budgets(connection, names)
    }
    return {gauges.TENANT_JOBS: jobs, gauges.TENANT_BUDGET_USED_RATIO: budgets}


def _per_lane() -> dict[Labels, float]:
    return {(lane.value,): 0.0 for lane in Lane}
