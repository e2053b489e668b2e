"""The events of a job's stream and of the feed, as the OpenAPI document tells of them."""

from typing import Literal

from pydantic import JsonValue

from schemas.events import EventType, TerminalType
from schemas.job import JobView
from schemas.position import EtaView
from schemas.shape import Shape

FeedType = Literal[
    TerminalType,
    EventType.BATCH_COMPLETED,
    EventType.BATCH_FAILED,
    EventType.BATCH_EXPIRED,
    EventType.BATCH_CANCELLED,
]


class QueuedEvent(Shape):
    """The job was accepted."""

    type: Literal["queued"]
    job_id: str
    at: str


class PositionEvent(Shape):
    """Where a waiting job stands, when that changes; the seconds run by themselves."""

    type: Literal["position"]
    job_id: str
    at: str
    position: int | None
    ahead: int | None
    estimated: bool
    eta_seconds: EtaView | None
    waiting_on: str | None
    waiting_until: str | None


class StartedEvent(Shape):
    """An attempt began, the ``attempt``-th."""

    type: Literal["started"]
    job_id: str
    at: str
    attempt: int


class PreviewView(Shape):
    """Where a small picture of what is there so far can be fetched, for about a minute."""

    url: str


class ProgressEvent(Shape):
    """How far the running attempt is, at most twice a second; null is what nobody told.

    ``fraction`` is 0 to 1, ``characters`` the length of the text so far.
    """

    type: Literal["progress"]
    job_id: str
    at: str
    attempt: int
    fraction: float | None
    step: int | None
    steps: int | None
    characters: int | None
    message: str | None
    preview: PreviewView | None


class RetryingEvent(Shape):
    """An attempt ended, and the job runs again: at ``run_at``, or as soon as it is its turn."""

    type: Literal["retrying"]
    job_id: str
    at: str
    attempt: int
    reason: str
    error: str | None
    run_at: str | None


class EndedEvent(Shape):
    """The job ended. The stream ends too."""

    type: TerminalType
    job_id: str
    at: str
    job: JobView


class FeedEvent(Shape):
    """A terminal event, exactly as webhooks carry it; ``data`` is the job without its input.

    ``sequence`` rises with the events of a job. Of a batch, ``data`` is its id.
    """

    id: str
    object: Literal["event"]
    type: FeedType
    created_at: int
    timestamp: str
    sequence: int
    data: dict[str, JsonValue]


class ErasedFeedEvent(Shape):
    """What is left of an event whose content was deleted."""

    id: str
    object: Literal["event"]
    type: FeedType
    erased: Literal[True]


class FeedPage(Shape):
    """A page of the feed, oldest first. ``next`` goes into ``after``, now or later."""

    object: Literal["list"]
    data: list[FeedEvent | ErasedFeedEvent]
    has_more: bool
    next: str


JOB_EVENTS = (
    QueuedEvent,
    PositionEvent,
    StartedEvent,
    ProgressEvent,
    RetryingEvent,
    EndedEvent,
)
