"""Live events as the SDK hands them out, and how they are read."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from genq.decoding import read_eta, read_job
from genq.errors import UnexpectedAnswerError
from genq.json_fields import Fields
from genq.models import Eta, Job, Json
from genq.sse import SentEvent

_TERMINAL: Final = "job."


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One step of a job's way, as it happens.

    ``type`` is plain text, so that one that a newer server introduces does not break an older
    client: ``queued``, ``position``, ``started``, ``progress``, ``retrying``; the last is
    ``job.succeeded`` or the like and carries the job. What a type does not tell is ``None``;
    ``raw`` is all of it as it came.

    Attributes:
        id: Where ``last_event_id`` goes on; empty if the server gave none.
        attempt: Which attempt it is about, from 1.
        fraction: How much is done, from 0 to 1.
        characters: Length of the text so far.
        preview_url: Where ``jobs.preview`` finds a picture of the state so far.
        position: Its place in the lane; 1 is next, and ``ahead`` are before it.
        eta_seconds: Seconds until it starts.
        reason: Why it is tried again, such as ``error`` or ``lost``; ``error`` is the code.
        run_at: When it is tried again.
    """

    type: str
    job_id: str
    at: datetime | None = None
    id: str = ""
    attempt: int | None = None
    fraction: float | None = None
    step: int | None = None
    steps: int | None = None
    characters: int | None = None
    message: str | None = None
    preview_url: str | None = None
    position: int | None = None
    ahead: int | None = None
    estimated: bool = False
    eta_seconds: Eta | None = None
    waiting_on: str | None = None
    waiting_until: datetime | None = None
    reason: str | None = None
    error: str | None = None
    run_at: datetime | None = None
    job: Job | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    @property
    def is_last(self) -> bool:
        """Whether the job has ended with it."""
        return self.job.done if self.job else self.type.startswith(_TERMINAL)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, as webhooks and the feed of all jobs tell it.

    ``type`` is plain text: one that a newer server introduces is taken as it comes.

    Attributes:
        id: ``evt_…``; the same may come more than once: act on it once.
        type: Such as ``job.succeeded``.
        at: When; ``None`` once its content was erased.
        job: The job, without its input and without a text that is too long for an event;
            ``None`` where the event is about no job, such as ``endpoint.disabled``.
        data: What it is about, as it came.
        sequence: Rises with each event of a job, whatever order they arrive in; gaps mean
            nothing.
        erased: Its content was deleted; ``id`` and ``type`` are left.
        cursor: Where ``after`` goes on in the feed; empty in webhooks.
    """

    id: str
    type: str
    at: datetime | None = None
    job: Job | None = None
    cursor: str = ""
    data: Json = field(default_factory=dict[str, object], repr=False)
    sequence: int = 0
    erased: bool = False
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_event(found: object, cursor: str = "") -> Event:
    """Return the event in a decoded JSON object.

    Raises:
        UnexpectedAnswerError: A field that every event has is missing or of another type.
    """
    fields = Fields(found, "event")
    kind, erased = fields.text("type"), fields.found.get("erased") is True
    data = fields.mapping("data")
    return Event(
        id=fields.text("id"),
        type=kind,
        at=None if erased else fields.moment("timestamp"),
        job=read_job(data) if kind.startswith(_TERMINAL) and not erased else None,
        cursor=cursor,
        data=data,
        sequence=fields.maybe_number("sequence") or 0,
        erased=erased,
        raw=fields.found,
    )


def read_feed_event(sent: SentEvent) -> Event:
    """Return the event that the feed of all jobs sent; errors are those of ``read_event``."""
    return read_event(_decoded(sent), sent.id)


def read_job_event(sent: SentEvent) -> JobEvent:
    """Return the event that a job's stream sent.

    Raises:
        UnexpectedAnswerError: It is no JSON object.
    """
    fields = Fields(_decoded(sent), "event")
    job, preview = fields.part("job"), fields.part("preview")
    return JobEvent(
        type=fields.maybe_text("type") or sent.type,
        job_id=fields.text("job_id"),
        at=fields.maybe_moment("at"),
        id=sent.id,
        attempt=fields.maybe_number("attempt"),
        fraction=fields.maybe_float("fraction"),
        step=fields.maybe_number("step"),
        steps=fields.maybe_number("steps"),
        characters=fields.maybe_number("characters"),
        message=fields.maybe_text("message"),
        preview_url=preview.maybe_text("url") if preview else None,
        position=fields.maybe_number("position"),
        ahead=fields.maybe_number("ahead"),
        estimated=fields.found.get("estimated") is True,
        eta_seconds=read_eta(fields.part("eta_seconds")),
        waiting_on=fields.maybe_text("waiting_on"),
        waiting_until=fields.maybe_moment("waiting_until"),
        reason=fields.maybe_text("reason"),
        error=fields.maybe_text("error"),
        run_at=fields.maybe_moment("run_at"),
        job=read_job(job.found) if job else None,
        raw=fields.found,
    )


def is_last(sent: SentEvent) -> bool:
    """Whether a job's stream ends with this event."""
    return sent.type.startswith(_TERMINAL)


def event_of_job(job: Job) -> JobEvent:
    """Return the event that tells the same as a look at the job does."""
    if job.done:
        kind, at = f"{_TERMINAL}{job.status}", job.finished_at
    elif job.status == "running":
        kind, at = "started", job.started_at
    else:
        kind, at = job.status, job.created_at
    queue = job.queue
    return JobEvent(
        type=kind,
        job_id=job.id,
        at=at,
        attempt=job.attempts or None,
        position=queue.position if queue else None,
        ahead=queue.ahead_in_lane if queue else None,
        estimated=queue.estimated if queue else False,
        eta_seconds=queue.eta_seconds if queue else None,
        waiting_on=job.waiting_on,
        waiting_until=queue.waiting_until if queue else None,
        job=job,
        raw=job.raw,
    )


def _decoded(sent: SentEvent) -> object:
    try:
        found: object = json.loads(sent.data)
    except ValueError:
        raise UnexpectedAnswerError(f"the event {sent.type} is not JSON") from None
    return found
