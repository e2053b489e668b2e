"""A queued job's place and prospects, from what the tables say of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.budgets import time_of
from infra.postgres.capacity import capacity
from infra.postgres.positions import Wait, standing_of_new
from infra.postgres.submit import NewJob
from infra.queue_places import QUEUED, place_of_queued, place_within
from infra.settings import Settings
from producer.dispatcher.accounts import catalogue_of
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.position import QueuePlace, WaitingOn

# With nothing to park, the dispatcher leaves no trace that a model is closed.
_MAY_BE_CLOSED: Final = (WaitingOn.LANE, WaitingOn.RATE_LIMIT)


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
    if job.state not in QUEUED:
        return None
    # Before the clock of the wait is read, so that it does not end too early.
    closed = await _closed_for(connection, job, settings)
    return await place_of_queued(connection, job, settings, closed=closed)


async def place_of_new(
    connection: AsyncConnection, job: NewJob, settings: Settings
) -> QueuePlace:
    """Return where a job would stand that is submitted now: in its lane, or until it is due."""
    closed = await _closed_now(connection, job.model, settings)
    standing = await standing_of_new(connection, job)
    now = await time_of(connection)
    opens = now + timedelta(seconds=closed)
    until = max(opens, job.run_at or opens)
    return await place_within(
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
