"""What an event of each type would tell, for tests of endpoints. No such job exists."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from schemas.errors import ModelTimeoutError
from schemas.events import EventType, without_input
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord, job_view
from schemas.job_states import JobState
from schemas.lanes import Lane

_STATES: Final[Mapping[EventType, JobState]] = MappingProxyType(
    {
        EventType.JOB_QUEUED: JobState.READY,
        EventType.JOB_STARTED: JobState.RUNNING,
        EventType.JOB_PROGRESS: JobState.RUNNING,
        EventType.JOB_SUCCEEDED: JobState.SUCCEEDED,
        EventType.JOB_FAILED: JobState.DEAD,
        EventType.JOB_CANCELLED: JobState.CANCELLED,
        EventType.JOB_EXPIRED: JobState.EXPIRED,
        EventType.JOB_BLOCKED: JobState.BLOCKED,
        EventType.JOB_APPEAL_DECIDED: JobState.BLOCKED,
    }
)
_SECOND: Final = timedelta(seconds=1)
_PICTURE: Final = Artifact(0, "", "image/png", 70, "0" * 64, 1024, 1024)
_PROGRESS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "attempt": 1,
        "fraction": 0.5,
        "step": 2,
        "steps": 4,
        "characters": None,
        "message": None,
    }
)


def sample_data(
    event_type: EventType, key: UUID, *, at: datetime, public_url: str
) -> dict[str, Any]:
    """Return the ``data`` of an event as it might be.

    Args:
        event_type: What is to have happened.
        key: A UUIDv7 that nothing has: what it happened to.
        at: When.
        public_url: Where callers reach the API.
    """
    match event_type.family:
        case "job":
            return _job(event_type, key, at, public_url)
        case "batch":
            return {"id": format_id("batch", key)}
        case "response":
            return {"id": format_id("resp", key)}
        case "endpoint":
            return {"endpoint_id": format_id("whe", key), "sample": True}
        case _:
            return {
                "endpoint_id": format_id("whe", key),
                "delivery_id": format_id("whd", key),
                "sample": True,
            }


def _job(event_type: EventType, key: UUID, at: datetime, public_url: str) -> dict[str, Any]:
    state = _STATES[event_type]
    job = JobRecord(
        id=key,
        tenant_id=0,
        kind=Kind.IMAGE,
        model="sample",
        lane=Lane.FAST,
        priority=5,
        state=state,
        created_at=at - 2 * _SECOND,
        input={},
    )
    if state >= JobState.RUNNING:
        job = replace(job, started_at=at - _SECOND, attempts=1)
    if state.final:
        job = replace(job, finished_at=at)
    if state is JobState.SUCCEEDED:
        job = replace(job, artifacts=[_PICTURE])
    elif state.final:
        job = replace(job, error=ModelTimeoutError("this is a sample").record("err_sample"))
    told = {**without_input(job_view(job, public_url)), "sample": True}
    return (
        told if event_type != EventType.JOB_PROGRESS else {**told, "progress": dict(_PROGRESS)}
    )
