"""Sample events for tests of endpoints: what the real ones look like, of things nobody has."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from infra.event_bodies import EventBodies, event_body, job_bodies
from infra.new_ids import new_key
from schemas.errors import ErrorRecord
from schemas.events import LAST_STEP, EventType, sequence
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord, iso_ms
from schemas.job_states import JobState
from schemas.lanes import DEFAULT_LANE, DEFAULT_PRIORITY
from schemas.webhook_endpoint import Endpoint

_STATES: Final[Mapping[EventType, JobState]] = {
    EventType.JOB_QUEUED: JobState.READY,
    EventType.JOB_STARTED: JobState.RUNNING,
    EventType.JOB_PROGRESS: JobState.RUNNING,
    EventType.JOB_SUCCEEDED: JobState.SUCCEEDED,
    EventType.JOB_FAILED: JobState.FAILED,
    EventType.JOB_CANCELLED: JobState.CANCELLED,
    EventType.JOB_EXPIRED: JobState.EXPIRED,
    EventType.JOB_BLOCKED: JobState.BLOCKED,
    EventType.JOB_APPEAL_DECIDED: JobState.BLOCKED,
}
_TOOK: Final = timedelta(seconds=2)
_ARTIFACT: Final = Artifact(
    index=0,
    key="sample",
    content_type="image/png",
    bytes=51_200,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    width=1024,
    height=1024,
)


def sample_event(
    key: UUID, event_type: EventType, endpoint: Endpoint, *, at: datetime, public_url: str
) -> EventBodies:
    """Return the bytes of a sample.

    Args:
        key: The event's id.
        event_type: Any, ``endpoint.test`` included.
        endpoint: Which is tested.
        at: Now.
        public_url: Where callers reach the API, without a final slash.
    """
    if event_type in _STATES:
        job = _job(event_type, endpoint.tenant_id, at)
        return job_bodies(
            key,
            event_type,
            job,
            at=at,
            number=sequence(1, LAST_STEP if job.finished_at else 0),
            public_url=public_url,
            more={"sample": True},
        )
    return EventBodies(event_body(key, event_type, at=at, data=_data(event_type, endpoint, at)))


def _job(event_type: EventType, tenant_id: int, at: datetime) -> JobRecord:
    state = _STATES[event_type]
    waits = state is JobState.READY
    return JobRecord(
        id=new_key(),
        tenant_id=tenant_id,
        kind=Kind.IMAGE,
        model="sample",
        lane=DEFAULT_LANE,
        priority=DEFAULT_PRIORITY,
        state=state,
        created_at=at - _TOOK,
        input={},
        started_at=None if waits else at - _TOOK,
        finished_at=at if state.final else None,
        attempts=0 if waits else 1,
        metadata={"order": "1234"},
        error=_error(state) if state.final and state is not JobState.SUCCEEDED else None,
        artifacts=(_ARTIFACT,) if state is JobState.SUCCEEDED else (),
    )


def _error(state: JobState) -> ErrorRecord:
    return {
        "code": "model_timeout" if state is JobState.FAILED else f"job_{state.name.lower()}",
        "message": "this is a sample",
        "category": "model",
        "severity": "low",
        "retryable": False,
        "error_id": format_id("err", new_key()),
    }


def _data(event_type: EventType, endpoint: Endpoint, at: datetime) -> dict[str, Any]:
    """Return what is told of anything but jobs; OpenAI's events tell an id and no more."""
    if event_type.family == "batch":
        return {"id": format_id("batch", new_key())}
    if event_type.family == "response":
        return {"id": f"resp_{new_key().hex}"}
    named = {"id": format_id("whe", endpoint.id), "name": endpoint.config.name}
    told: dict[str, Any] = {"endpoint": named, "origin": endpoint.config.origin, "sample": True}
    if event_type is EventType.ENDPOINT_TEST:
        return {**told, "message": "this is a test"}
    if event_type.family == "endpoint":
        told |= {"failures": 12, "failing_since": iso_ms(at - timedelta(days=5))}
    if event_type is EventType.ENDPOINT_DISABLED:
        told["reason"] = "failing"
    return {
        **told,
        "delivery": {
            "id": format_id("whd", new_key()),
            "event_id": format_id("evt", new_key()),
            "event_type": EventType.JOB_SUCCEEDED.value,
            "job_id": format_id("job", new_key()),
            "attempts": 4,
            "outcome": "timeout",
            "status": None,
        },
    }
