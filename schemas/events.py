"""The events that clients hear of, and the envelope they travel in.

The envelope satisfies Standard Webhooks 1.0 (``type``, ``timestamp``, ``data``) and OpenAI's
event object (``id``, ``object``, ``created_at``, ``type``, ``data``) at once.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from schemas.job_states import JobState
from schemas.webhooks import HEARS_NOTHING, Hears


class EventType(StrEnum):
    """What happened. The names of the middle group are OpenAI's, as is their data."""

    JOB_QUEUED = "job.queued"
    JOB_STARTED = "job.started"
    JOB_PROGRESS = "job.progress"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_EXPIRED = "job.expired"
    JOB_BLOCKED = "job.blocked"
    JOB_APPEAL_DECIDED = "job.appeal_decided"

    BATCH_COMPLETED = "batch.completed"
    BATCH_FAILED = "batch.failed"
    BATCH_EXPIRED = "batch.expired"
    BATCH_CANCELLED = "batch.cancelled"
    RESPONSE_COMPLETED = "response.completed"
    RESPONSE_FAILED = "response.failed"
    RESPONSE_CANCELLED = "response.cancelled"
    RESPONSE_INCOMPLETE = "response.incomplete"

    ENDPOINT_TEST = "endpoint.test"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_RECOVERED = "endpoint.recovered"
    DELIVERY_FAILING = "delivery.failing"
    DELIVERY_EXHAUSTED = "delivery.exhausted"
    DELIVERY_RECOVERED = "delivery.recovered"

    @property
    def family(self) -> str:
        """What it is about: ``job``, ``batch``, ``response``, ``endpoint``, ``delivery``."""
        return self.partition(".")[0]


TerminalType = Literal[
    EventType.JOB_SUCCEEDED,
    EventType.JOB_FAILED,
    EventType.JOB_CANCELLED,
    EventType.JOB_EXPIRED,
    EventType.JOB_BLOCKED,
]

TERMINAL_TYPES: Final[tuple[TerminalType, ...]] = get_args(TerminalType)
"""What is sent to who did not say what to send: each job ends with one of them."""
FEED_TYPES: Final = (
    *TERMINAL_TYPES,
    *(kind for kind in EventType if kind.family == "batch"),
)
"""What the feed of a tenant tells: the ends of jobs and of batches."""
JOB_TYPES: Final = tuple(kind for kind in EventType if kind.family == "job")
RESPONSE_TYPES: Final = tuple(kind for kind in EventType if kind.family == "response")
SUBSCRIBABLE_TYPES: Final = tuple(kind for kind in EventType if kind != EventType.ENDPOINT_TEST)
"""What an endpoint may ask for. Tests go to the one that is tested, whatever it asks for."""
SUBSCRIBABLE_FAMILIES: Final = tuple(
    dict.fromkeys(f"{kind.family}.*" for kind in SUBSCRIBABLE_TYPES)
)


class OutboxKind(IntEnum):
    """The class of an outbox row, as PostgreSQL stores it; one terminal row a job, no more."""

    TERMINAL = 1
    LIFECYCLE = 2
    """``job.queued`` and ``job.started``."""
    PROGRESS = 3
    """Sent once, and only while nothing newer of the job is known."""
    NOTICE = 4
    """What becomes of endpoints and deliveries."""
    TEST = 5


# The events of a job are numbered so that the numbers rise: each release has its own thousand.
STEPS_OF_A_FENCE: Final = 1_000
FIRST_STEP: Final = 1
"""The attempt began."""
LAST_STEP: Final = 999
"""The job ended."""

AFTER_THE_END: Final = 10**12
"""The number of what is told of a job after its end; no fence comes so far."""

# A payload grows no further than Standard Webhooks recommends.
MAX_BODY_BYTES: Final = 20_000

_TYPES: Final[Mapping[JobState, TerminalType]] = MappingProxyType(
    {
        JobState.SUCCEEDED: EventType.JOB_SUCCEEDED,
        JobState.FAILED: EventType.JOB_FAILED,
        JobState.DEAD: EventType.JOB_FAILED,
        JobState.CANCELLED: EventType.JOB_CANCELLED,
        JobState.EXPIRED: EventType.JOB_EXPIRED,
        JobState.BLOCKED: EventType.JOB_BLOCKED,
    }
)

_HEARS: Final[Mapping[str, Hears]] = MappingProxyType(
    {
        EventType.JOB_QUEUED: Hears.QUEUED,
        EventType.JOB_STARTED: Hears.STARTED,
        EventType.JOB_PROGRESS: Hears.PROGRESS,
        "job.*": Hears.QUEUED | Hears.STARTED | Hears.PROGRESS,
    }
)


def terminal_type(state: JobState) -> TerminalType:
    """Return the event that announces a final state."""
    return _TYPES[state]


def is_subscribable(wanted: str) -> bool:
    """Return whether an endpoint may ask for this: an exact type, or a family as ``job.*``."""
    return wanted in SUBSCRIBABLE_TYPES or wanted in SUBSCRIBABLE_FAMILIES


def hears(wanted: Iterable[str]) -> Hears:
    """Return which events before a job's end are among those that somebody asks for."""
    flags = HEARS_NOTHING
    for kind in wanted:
        flags |= _HEARS.get(kind, HEARS_NOTHING)
    return flags


def sequence(fence: int, step: int) -> int:
    """Return an event's number among its job's, which rise; gaps mean nothing.

    Args:
        fence: Of the job's last release; 0 before the first.
        step: 0 to ``LAST_STEP``.
    """
    return fence * STEPS_OF_A_FENCE + step


def envelope(
    event_id: str,
    event_type: EventType,
    *,
    at: str,
    at_seconds: int,
    data: Mapping[str, Any],
    number: int = 0,
) -> dict[str, Any]:
    """Return the event as it is serialised, once, for every delivery of it.

    Args:
        event_id: ``evt_…``; also the ``webhook-id`` of every delivery.
        event_type: What happened.
        at: When, ISO 8601 UTC with milliseconds.
        at_seconds: The same instant in whole seconds since the epoch.
        data: What it happened to, such as ``without_input`` of a job.
        number: Of ``sequence``; 0 for what is about no job.
    """
    return {
        "id": event_id,
        "object": "event",
        "type": event_type.value,
        "created_at": at_seconds,
        "timestamp": at,
        "sequence": number,
        "data": data,
    }


def without_input(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job, as ``schemas.job.job_view`` gives it, as events carry it."""
    return {name: value for name, value in job.items() if name != "input"}


def without_outputs(job: Mapping[str, Any], *, truncated: bool) -> dict[str, Any] | None:
    """Return a job with links to its outputs and no output itself; ``None``: it has none.

    Args:
        job: As ``schemas.job.job_view`` gives it.
        truncated: Say that the outputs did not fit.
    """
    output = job.get("output")
    if not output or output.get("text") is None:
        return None
    slim = {**job, "output": {**output, "text": None}}
    return {**slim, "truncated": True} if truncated else slim
