"""The events that clients hear of, and the envelope they travel in.

The envelope satisfies Standard Webhooks 1.0 (``type``, ``timestamp``, ``data``) and OpenAI's
event object (``id``, ``object``, ``created_at``, ``type``, ``data``) at once.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, Final

from schemas.job_states import JobState


class EventType(StrEnum):
    """What happened."""

    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_EXPIRED = "job.expired"
    JOB_BLOCKED = "job.blocked"


class OutboxKind(IntEnum):
    """The class of an outbox row, as PostgreSQL stores it; one terminal row a job, no more."""

    TERMINAL = 1


TERMINAL_TYPES: Final = tuple(EventType)

# A payload grows no further than Standard Webhooks recommends.
MAX_BODY_BYTES: Final = 20_000

_TYPES: Final[Mapping[JobState, EventType]] = MappingProxyType(
    {
        JobState.SUCCEEDED: EventType.JOB_SUCCEEDED,
        JobState.FAILED: EventType.JOB_FAILED,
        JobState.DEAD: EventType.JOB_FAILED,
        JobState.CANCELLED: EventType.JOB_CANCELLED,
        JobState.EXPIRED: EventType.JOB_EXPIRED,
        JobState.BLOCKED: EventType.JOB_BLOCKED,
    }
)


def terminal_type(state: JobState) -> EventType:
    """Return the event that announces a final state."""
    return _TYPES[state]


def envelope(
    event_id: str, event_type: EventType, *, at: str, at_seconds: int, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the event as it is serialised, once, for every delivery of it.

    Args:
        event_id: ``evt_…``; also the ``webhook-id`` of every delivery.
        event_type: What happened.
        at: When, ISO 8601 UTC with milliseconds.
        at_seconds: The same instant in whole seconds since the epoch.
        data: The job, as ``schemas.job.job_view`` gives it.
    """
    return {
        "id": event_id,
        "object": "event",
        "type": event_type.value,
        "created_at": at_seconds,
        "timestamp": at,
        "data": thin(data),
    }


def thin(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job without its input, and without a text that would outgrow a webhook."""
    slim = {name: value for name, value in data.items() if name != "input"}
    output = slim.get("output")
    if output and output.get("text") and len(output["text"].encode()) > MAX_BODY_BYTES // 2:
        slim["output"] = {**output, "text": None}
        slim["truncated"] = True
    return slim
