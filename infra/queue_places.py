"""Where a queued job stands and when it will probably start: for the API, and for chats."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.arrival import Prospect, starts_within
from infra.postgres.positions import Standing, Wait, standing_of, wait_of
from infra.postgres.service_rates import rates_of
from infra.settings import Settings
from schemas import lanes
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.lanes import Lane
from schemas.model_catalog import servers_of
from schemas.position import QueuePlace, WaitingOn

QUEUED: Final = (JobState.HELD, JobState.SCHEDULED, JobState.READY, JobState.RELEASED)
_NO_END: Final = (WaitingOn.PAUSED, WaitingOn.NO_WORKER)
# A released job starts as soon as a slot falls free; without any measure, this is said.
_NEXT: Final = 5.0


async def place_of_queued(
    connection: AsyncConnection, job: JobRecord, settings: Settings, *, closed: float = 0.0
) -> QueuePlace:
    """Return where a queued job stands. A few index probes, no scan.

    Args:
        connection: To read with.
        job: As it was read a moment ago: in one of the states ``QUEUED``.
        settings: The shares of the lanes, and who serves which model.
        closed: For so many seconds from now on its model takes nothing.
    """
    servers = servers_of(settings.model_servers, job.model, job.kind)
    wait = await wait_of(connection, job.id, [f"server:{server.name}" for server in servers])
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
    if job.waiting_on in _NO_END:
        return _here(standing, wait)
    return await place_within(connection, standing, wait, settings)


async def place_within(
    connection: AsyncConnection, standing: Standing, wait: Wait, settings: Settings
) -> QueuePlace:
    """Return the place of who stands there, and when it will probably start."""
    place = _here(standing, wait)
    within = starts_within(
        _prospect(standing, wait, settings.lane_weights),
        await rates_of(connection, standing.lane),
    )
    if within is not None:
        return replace(place, low=within[0], high=within[1])
    return replace(place, low=_seconds_until(wait)) if wait.until else place


def _here(standing: Standing, wait: Wait) -> QueuePlace:
    return QueuePlace(
        standing.in_flow, standing.in_lane, estimated=standing.estimated, until=wait.until
    )


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
