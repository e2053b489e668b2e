"""One look at everything that moves: what `genq top` and `genq lanes ls` show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.overview import LanePace, Written, lane_paces, rows_written
from infra.postgres.receiver_counts import ReceiverState, receiver_states
from infra.postgres.state_counts import (
    DeliveryCounts,
    LaneState,
    delivery_counts,
    lane_states,
)
from infra.postgres.workers import Worker, list_workers
from infra.settings import Settings
from producer.operator import limits
from producer.operator.limits import Limits
from schemas.job import iso_ms
from schemas.job_states import JobState
from schemas.lanes import Lane


@dataclass(frozen=True, slots=True)
class LaneView:
    """A lane as an operator sees it.

    Attributes:
        waiting: Jobs that are ready; ``later`` those that are held or scheduled.
        oldest_seconds: Age of the oldest ready job; ``None`` if none waits.
        slots: Of the live workers that take it.
        started_per_second: Of late.
    """

    lane: Lane
    weight: int
    waiting: int
    later: int
    oldest_seconds: float | None
    released: int
    running: int
    slots: int
    started_per_second: float
    paused_at: datetime | None

    def facts(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "lane": self.lane.value,
            "weight": self.weight,
            "waiting": self.waiting,
            "later": self.later,
            "oldest_seconds": self.oldest_seconds,
            "released": self.released,
            "running": self.running,
            "slots": self.slots,
            "started_per_second": round(self.started_per_second, 2),
            "paused_since": None if self.paused_at is None else iso_ms(self.paused_at),
        }


@dataclass(frozen=True, slots=True)
class Pace:
    """Rows per second between two looks."""

    submitted: float
    attempts: float
    deliveries: float


@dataclass(frozen=True, slots=True)
class Frame:
    """All of it at one instant."""

    at: datetime
    lanes: Sequence[LaneView]
    workers: Sequence[Worker]
    session_ttl: timedelta
    limits: Limits
    deliveries: DeliveryCounts
    receivers: Mapping[ReceiverState, int]
    written: Written

    def heard(self, worker: Worker) -> float:
        """Return the seconds since a worker's last sign of life."""
        return max(0.0, self.session_ttl.total_seconds() - worker.seconds_left)


async def look_at_lanes(connection: AsyncConnection, settings: Settings) -> list[LaneView]:
    """Return every lane, the most urgent first."""
    workers = await list_workers(connection)
    return await _lanes(connection, settings.lane_weights, workers)


async def look(connection: AsyncConnection, settings: Settings, now: datetime) -> Frame:
    """Return all of it."""
    workers = await list_workers(connection)
    return Frame(
        at=now,
        lanes=await _lanes(connection, settings.lane_weights, workers),
        workers=workers,
        session_ttl=settings.session_ttl,
        limits=await limits.look(connection, settings.model_servers),
        deliveries=await delivery_counts(connection),
        receivers=await receiver_states(connection),
        written=await rows_written(connection),
    )


def pace_between(before: Written, after: Written) -> Pace | None:
    """Return what was written per second; ``None`` if that cannot be known."""
    if after.at <= before.at or after.jobs < before.jobs:
        return None
    seconds = after.at - before.at
    return Pace(
        (after.jobs - before.jobs) / seconds,
        (after.attempts - before.attempts) / seconds,
        (after.deliveries - before.deliveries) / seconds,
    )


def frame_facts(frame: Frame, pace: Pace | None) -> dict[str, Any]:
    """Return the JSON form of a frame."""
    return {
        "at": iso_ms(frame.at),
        "lanes": [lane.facts() for lane in frame.lanes],
        "workers": [_worker_facts(frame, worker) for worker in frame.workers],
        "models": [
            {
                "model": model.model,
                "state": model.state.value,
                "until": None if model.until is None else iso_ms(model.until),
            }
            for model in frame.limits.models
        ],
        "limits": _limit_facts(frame.limits),
        "webhooks": {
            "owed": frame.deliveries.owed,
            "failed_before": frame.deliveries.failed_before,
            "oldest_due_seconds": round(frame.deliveries.oldest_due_seconds, 1),
            "held_back": frame.deliveries.held_back,
            "oldest_seconds": round(frame.deliveries.oldest_seconds, 1),
            "receivers": {state.value: count for state, count in frame.receivers.items()},
        },
        "per_second": None
        if pace is None
        else {
            "submitted": round(pace.submitted, 2),
            "attempts_ended": round(pace.attempts, 2),
            "webhook_attempts": round(pace.deliveries, 2),
        },
    }


def _worker_facts(frame: Frame, worker: Worker) -> dict[str, Any]:
    return {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "slots": worker.slots,
        "busy": worker.busy,
        "lanes": [lane.value for lane in worker.lanes],
        "draining": worker.draining,
        "alive": worker.seconds_left > 0,
        "heartbeat_seconds": round(frame.heard(worker), 1),
    }


def _limit_facts(found: Limits) -> list[dict[str, Any]]:
    return [
        {
            "account": one.account.name,
            "limit": name,
            "left": left.units,
            "closed_until": None if left.closed_until is None else iso_ms(left.closed_until),
        }
        for one in found.accounts
        for name, left in one.left.items()
    ]


async def _lanes(
    connection: AsyncConnection, weights: Mapping[Lane, int], workers: Sequence[Worker]
) -> list[LaneView]:
    states = await lane_states(connection)
    paces = await lane_paces(connection)
    alive = [worker for worker in workers if worker.seconds_left > 0 and not worker.draining]
    return [_lane(pace, states, weights, alive) for pace in paces]


def _lane(
    pace: LanePace,
    states: Sequence[LaneState],
    weights: Mapping[Lane, int],
    alive: Sequence[Worker],
) -> LaneView:
    found = {one.state: one for one in states if one.lane is pace.lane}
    jobs = {state: one.jobs for state, one in found.items()}
    ready = found.get(JobState.READY)
    return LaneView(
        lane=pace.lane,
        weight=weights[pace.lane],
        waiting=jobs.get(JobState.READY, 0),
        later=jobs.get(JobState.HELD, 0) + jobs.get(JobState.SCHEDULED, 0),
        oldest_seconds=round(ready.oldest_seconds, 1) if ready else None,
        released=jobs.get(JobState.RELEASED, 0),
        running=jobs.get(JobState.RUNNING, 0),
        slots=sum(worker.slots for worker in alive if pace.lane in worker.lanes),
        started_per_second=pace.started_per_second,
        paused_at=pace.paused_at,
    )
