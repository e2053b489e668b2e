"""An event's exact bytes: made once, and the same for every delivery, retry and replay."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from schemas.events import (
    MAX_BODY_BYTES,
    EventType,
    envelope,
    without_input,
    without_outputs,
)
from schemas.ids import format_id
from schemas.job import JobRecord, iso_ms, job_view


class EventBodies(NamedTuple):
    """The two forms of an event.

    Attributes:
        full: With outputs, as long as that stays within 20 kB.
        thin: Without; ``None`` if that is the same.
    """

    full: bytes
    thin: bytes | None = None


def event_body(
    key: UUID, event_type: EventType, *, at: datetime, data: Mapping[str, Any], number: int = 0
) -> bytes:
    """Return the bytes of any event; see ``schemas.events.envelope``."""
    return orjson.dumps(
        envelope(
            format_id("evt", key),
            event_type,
            at=iso_ms(at),
            at_seconds=int(at.timestamp()),
            data=data,
            number=number,
        )
    )


def job_bodies(
    key: UUID,
    event_type: EventType,
    job: JobRecord,
    *,
    at: datetime,
    number: int,
    public_url: str,
    more: Mapping[str, Any] | None = None,
) -> EventBodies:
    """Return the bytes of an event of a job.

    Args:
        key: The event's id.
        event_type: What happened.
        job: As it is now.
        at: When it happened.
        number: Among the job's events: ``schemas.events.sequence``.
        public_url: Where callers reach the API.
        more: What the event tells besides the job.
    """
    view = {**without_input(job_view(job, public_url)), **(more or {})}

    def written(data: Mapping[str, Any]) -> bytes:
        return event_body(key, event_type, at=at, data=data, number=number)

    full, slim = written(view), without_outputs(view, truncated=False)
    if slim is None:
        return EventBodies(full)
    if len(full) > MAX_BODY_BYTES:
        full = written(without_outputs(view, truncated=True) or view)
    return EventBodies(full, written(slim))
