"""The event that a response has ended, in OpenAI's words, beside the job's own last one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from infra.event_bodies import event_body
from infra.job_events import labels_of, own_receiver
from infra.new_ids import new_key
from infra.postgres.publish import Publication
from schemas.events import LAST_STEP, OutboxKind, sequence
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.response import BACKGROUND_FACE, response_event_type


def response_ended(
    job: JobRecord,
    at: datetime,
    *,
    fence: int,
    webhook: Mapping[str, Any] | None,
    channels: Sequence[str],
) -> Publication | None:
    """Return the event to write with a job's end; ``None``, if it is no background response.

    OpenAI tells of none but these, and its data is the id alone.

    Args:
        job: As it ended, with what was made.
        at: When.
        fence: Of its last release.
        webhook: ``{"url", "events"}``, as the job's payload keeps it.
        channels: Words by which endpoints choose what they are told.
    """
    if job.face != BACKGROUND_FACE:
        return None
    key, event_type = new_key(), response_event_type(job.state, job.made)
    # Right behind the job's own last event: no release follows that could take the number.
    number = sequence(fence, LAST_STEP) + 1
    data = {"id": format_id("resp", job.id)}
    return Publication(
        id=key,
        tenant_id=job.tenant_id,
        kind=OutboxKind.LIFECYCLE,
        type=event_type.value,
        body=event_body(key, event_type, at=at, data=data, number=number),
        job_id=job.id,
        seq=number,
        channels=channels,
        labels=labels_of(job),
        **own_receiver(webhook, event_type),
    )
