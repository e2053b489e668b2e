"""What a job is as one of OpenAI's responses: its status, and the event of its end."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from schemas.events import EventType
from schemas.job_states import JobState

RESPONSES_FACE: Final = "openai.responses"
"""The door of ``/v1/responses`` for whoever waits for the answer, and of lines of batches."""

BACKGROUND_FACE: Final = "openai.background"
"""The door of ``/v1/responses`` for what runs in the background: its end has an event."""

RESPONSE_FACES: Final = frozenset({RESPONSES_FACE, BACKGROUND_FACE})

COMPLETED: Final = "completed"
INCOMPLETE: Final = "incomplete"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
QUEUED: Final = "queued"
IN_PROGRESS: Final = "in_progress"

_STATUS: Final[Mapping[JobState, str]] = MappingProxyType(
    {
        JobState.RUNNING: IN_PROGRESS,
        JobState.SUCCEEDED: COMPLETED,
        JobState.FAILED: FAILED,
        JobState.DEAD: FAILED,
        JobState.CANCELLED: CANCELLED,
        JobState.EXPIRED: FAILED,
        JobState.BLOCKED: INCOMPLETE,
    }
)

# What a model stopped for before it was done, in OpenAI's words for responses.
_CUT: Final[Mapping[str, str]] = MappingProxyType(
    {"length": "max_output_tokens", "content_filter": "content_filter"}
)

_EVENTS: Final[Mapping[str, EventType]] = MappingProxyType(
    {
        COMPLETED: EventType.RESPONSE_COMPLETED,
        INCOMPLETE: EventType.RESPONSE_INCOMPLETE,
        FAILED: EventType.RESPONSE_FAILED,
        CANCELLED: EventType.RESPONSE_CANCELLED,
    }
)


def response_status(state: JobState, made: Mapping[str, Any]) -> str:
    """Return a job's status as a response has it.

    Args:
        state: Of the job.
        made: What the model answered, as ``JobRecord.made`` has it.
    """
    if state is JobState.SUCCEEDED and cut_short(state, made):
        return INCOMPLETE
    return _STATUS.get(state, QUEUED)


def cut_short(state: JobState, made: Mapping[str, Any]) -> str | None:
    """Return why a response is incomplete, in OpenAI's words; ``None``: it is not."""
    if state is JobState.BLOCKED:
        return "content_filter"
    reason = made.get("finish_reason")
    return _CUT.get(reason) if isinstance(reason, str) else None


def response_event_type(state: JobState, made: Mapping[str, Any]) -> EventType:
    """Return the event that announces a response's end.

    Args:
        state: The job's final state.
        made: As ``response_status`` takes it.
    """
    return _EVENTS[response_status(state, made)]
