"""A queued job's place and prospects, from what the tables say of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.budgets import time_of
from infra.postgres.capacity import capacity
from infra.postgres.positions import Standing, Wait, standing_of, standing_of_new, wait_of
from infra.postgres.service_rates import rates_of
from infra.postgres.submit import NewJob
from infra.settings import Settings
from producer.arrival import Prospect, starts_within
from producer.dispatcher.accounts import catalogue_of
from schemas import lanes
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.model_catalog import servers_of
from schemas.position import QueuePlace, WaitingOn

_QUEUED: Final = (JobState.HELD, JobState.SCHEDULED, JobState.READY, JobState.RELEASED)
# With nothing to park, the dispatcher leaves no trace that a model is closed.
_MAY_BE_CLOSED: Final = (WaitingOn.LANE, WaitingOn.RATE_LIMIT)
_NO_END: Final = (WaitingOn.PAUSED, WaitingOn.NO_WORKER)
# A released job starts as soon as a slot falls free; without any measure, this is said.
_NEXT: Final = 5.0


async def placed(connection: AsyncConnection, job: JobRecord, settings: Settings) -> JobRecord:
    """Return ``job`` with its place, and with the limit of its model if it waits for that."""
    place = await place_of(connection, job, settings)
    if job.waiting_on == WaitingOn.LANE and place is not None and place.until is not None:
        # Its turn has no known end: this one is its model's.
        return replace(job, queue=place, waiting_on=WaitingOn.RATE_LIMIT.value)
    return replace(job, queue=place)


async def place_of(
    connection: AsyncConnection, job: JobRecord, settings: Settings
) -> QueuePlace | None:
    """Return where a job stands; ``None`` if it is not queued. A few index probes, no scan.

    Args:
        connection: To read with.
        job: As it was read a moment ago.
        settings: The shares of the lanes, and who serves which model.
    """
    if job.state not in _QUEUED:
        return None
    servers = servers_of(settings.model_servers, job.model, job.kind)
    keys = [f"server:{server.name}" for server in servers]
    # Before the clock of the wait is read, so that it does not end too early.
    closed = await _closed_for(connection, job, settings)
    wait = await wait_of(connection, job.id, keys)
    if wait is None or job.state is JobState.HELD:
        return QueuePlace()
    if job.state is JobState.SCHEDULED:
        return QueuePlace(low=_seconds_until(wait), until=wait.until)
    standing = await standing_of(connection, job.id)
    if standing is None:
        # Released: a worker that has room takes it, and none is ahead of it.
        return QueuePlace(0, 0, low=0.0, high=_NEXT)
    if closed:
        opens = wait.at + timedelta(seconds=closed)
        wait = replace(wait, until=max(opens, wait.until or opens))
    return await _place_in_lane(connection, job, standing, wait, settings)


async def place_of_new(
    connection: AsyncConnection, job: NewJob, settings: Settings
) -> QueuePlace:
    """Return where a job would stand that is submitted now: in its lane, or until it is due."""
    closed = await _closed_now(connection, job.model, settings)
    standing = await standing_of_new(connection, job)
    now = await time_of(connection)
    opens = now + timedelta(seconds=closed)
    until = max(opens, job.run_at or opens)
    return await _within(
        connection, standing, Wait(until if until > now else None, now), settings
    )


async def _closed_for(connection: AsyncConnection, job: JobRecord, settings: Settings) -> float:
    """Return for how many seconds the model of a ready job takes nothing; 0 if it does."""
    if job.state is not JobState.READY or job.waiting_on not in _MAY_BE_CLOSED:
        return 0.0
    return await _closed_now(connection, job.model, settings)


async def _closed_now(connection: AsyncConnection, model: str, settings: Settings) -> float:
    catalogue = catalogue_of(settings.model_servers)
    now = await capacity(connection, catalogue.keys)
    closed = catalogue.closed(now)
    return next(
        (closed.get(p.id, 0.0) for p in now.pools if p.model == model and not p.paused), 0.0
    )


async def _place_in_lane(
    connection: AsyncConnection,
    job: JobRecord,
    standing: Standing,
    wait: Wait,
    settings: Settings,
) -> QueuePlace:
    if job.waiting_on in _NO_END:
        return _here(standing, wait)
    return await _within(connection, standing, wait, settings)


def _here(standing: Standing, wait: Wait) -> QueuePlace:
    return QueuePlace(
        standing.in_flow, standing.in_lane, estimated=standing.estimated, until=wait.until
    )


async def _within(
    connection: AsyncConnection, standing: Standing, wait: Wait, settings: Settings
) -> QueuePlace:
    place = _here(standing, wait)
    within = starts_within(
        _prospect(standing, wait, settings.lane_weights),
        await rates_of(connection, standing.lane),
    )
    if within is not None:
        return replace(place, low=within[0], high=within[1])
    return replace(place, low=_seconds_until(wait)) if wait.until else place


def _prospect(standing: Standing, wait: Wait, weights: Mapping[Lane, int]) -> Prospect:
    own = weights[lanes.BY_NUMBER[standing.lane]]
    busy = sum(weights[lanes.BY_NUMBER[number]] for number in standing.busy_lanes)
    return Prospect(
        in_flow=standing.in_flow,
        in_lane=standing.in_lane,
        estimated=standing.estimated,
        slots=standing.slots,
        room=max(0, standing.all_slots - standing.inflight),
        share=own / busy,
        flow_room=standing.max_inflight - standing.flow_inflight,
        max_inflight=standing.max_inflight,
        not_before=_seconds_until(wait),
    )


def _seconds_until(wait: Wait) -> float:
    return (
        0.0
        if wait.until is None
        else max(0.0, round((wait.until - wait.at).total_seconds(), 1))
    )
