"""Events of a job on its way: that it is queued, that an attempt began, how far it is.

Nobody hears of them unless the tenant has an endpoint that asks for them, or the job itself
does: ``hears`` of a job says so from its submit on, and costs nothing where it is empty.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from infra.event_bodies import job_bodies
from infra.new_ids import key_after, new_key
from infra.postgres.publish import Publication
from infra.postgres.submit import Announcement, NewJob
from schemas import generation, lanes
from schemas.claim import Claim
from schemas.events import FIRST_STEP, EventType, OutboxKind, sequence
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.progress import Progress
from schemas.webhook_endpoint import origin_of
from schemas.webhooks import Hears


def own_receiver(webhook: Mapping[str, Any] | None, event_type: EventType) -> dict[str, Any]:
    """Return the delivery to the URL that came with a job: its id, ``url`` and ``origin``.

    Args:
        webhook: ``{"url", "events"}``, as the job's payload keeps it.
        event_type: What is to be told.

    Returns:
        Nothing, if the job asks for no such event.
    """
    if webhook is None or event_type not in webhook["events"]:
        return {}
    url = webhook["url"]
    return {"delivery_id": new_key(), "url": url, "origin": origin_of(url)}


def announcement(payload: Mapping[str, Any], public_url: str) -> Announcement | None:
    """Return what makes the event that a job is queued, once it is written.

    However often it is called, the event of a job is the same one: a commit may be tried
    again, and a call that is repeated may write the job of the first with words of its own.

    Args:
        payload: What is kept of the job: ``hears``, ``webhook``, ``channels``.
        public_url: Where callers reach the API.

    Returns:
        ``None``, if nobody wants to hear of it.
    """
    if not payload.get("hears", 0) & Hears.QUEUED:
        return None
    receiver = own_receiver(payload.get("webhook"), EventType.JOB_QUEUED)
    channels = payload.get("channels") or ()

    def announce(new: NewJob, created_at: datetime) -> Publication:
        key = key_after(new.id, EventType.JOB_QUEUED)
        bodies = job_bodies(
            key,
            EventType.JOB_QUEUED,
            queued_record(new, created_at),
            at=created_at,
            number=0,
            public_url=public_url,
        )
        return Publication(
            id=key,
            tenant_id=new.tenant_id,
            kind=OutboxKind.LIFECYCLE,
            type=EventType.JOB_QUEUED,
            body=bodies.full,
            job_id=new.id,
            channels=channels,
            labels=new.labels,
            **receiver,
        )

    return announce


def queued_record(new: NewJob, created_at: datetime) -> JobRecord:
    """Return a job as events tell it that was written a moment ago."""
    scheduled = new.run_at is not None and new.run_at > created_at
    return JobRecord(
        id=new.id,
        tenant_id=new.tenant_id,
        kind=generation.BY_NUMBER[new.kind],
        model=new.model,
        lane=lanes.BY_NUMBER[new.lane],
        priority=new.priority,
        state=JobState.SCHEDULED if scheduled else JobState.READY,
        created_at=created_at,
        input={},
        metadata=orjson.loads(new.labels) if new.labels else {},
        tags=new.tags or (),
        retry_of=new.redrive_of,
        end_user=new.end_user,
        waiting_on="schedule" if scheduled else "lane",
        run_at=new.run_at if scheduled else None,
        deadline=new.deadline,
    )


def started_event(claim: Claim, public_url: str) -> Publication:
    """Return the event that an attempt began."""
    number = sequence(claim.fence, FIRST_STEP)
    return _of_attempt(
        claim, EventType.JOB_STARTED, claim.started_at, number=number, public_url=public_url
    )


def progress_event(claim: Claim, progress: Progress, step: int, public_url: str) -> Publication:
    """Return the event that tells how far an attempt is.

    Args:
        claim: The attempt.
        progress: What was reported last.
        step: Among the attempt's events: above ``FIRST_STEP``, below ``LAST_STEP``.
        public_url: Where callers reach the API.
    """
    told = {
        "attempt": progress.attempt,
        "fraction": progress.fraction,
        "step": progress.step,
        "steps": progress.steps,
        "characters": progress.characters,
        "message": progress.message,
    }
    return _of_attempt(
        claim,
        EventType.JOB_PROGRESS,
        datetime.fromisoformat(progress.at),
        number=sequence(claim.fence, step),
        public_url=public_url,
        more={"progress": told},
    )


def labels_of(job: JobRecord) -> str | None:
    """Return the job's metadata as JSON, by which endpoints choose; ``None`` if it has none."""
    return orjson.dumps(job.metadata).decode() if job.metadata else None


def running_record(claim: Claim) -> JobRecord:
    """Return the job that an attempt runs, as callers see it meanwhile."""
    return JobRecord(
        id=claim.job_id,
        tenant_id=claim.tenant_id,
        kind=claim.kind,
        model=claim.model,
        lane=claim.lane,
        priority=claim.priority,
        state=JobState.RUNNING,
        created_at=claim.created_at,
        input=claim.input,
        started_at=claim.started_at,
        attempts=claim.attempt,
        metadata=claim.metadata,
        end_user=claim.end_user,
        deadline=claim.deadline,
        tags=claim.tags,
        retry_of=claim.retry_of,
        face=claim.face,
    )


def _of_attempt(
    claim: Claim,
    event_type: EventType,
    at: datetime,
    *,
    number: int,
    public_url: str,
    more: Mapping[str, Any] | None = None,
) -> Publication:
    key, job = new_key(), running_record(claim)
    bodies = job_bodies(
        key,
        event_type,
        job,
        at=at,
        number=number,
        public_url=public_url,
        more=more,
    )
    progress = event_type is EventType.JOB_PROGRESS
    return Publication(
        id=key,
        tenant_id=claim.tenant_id,
        kind=OutboxKind.PROGRESS if progress else OutboxKind.LIFECYCLE,
        type=event_type,
        body=bodies.full,
        job_id=claim.job_id,
        seq=number,
        channels=claim.channels,
        labels=labels_of(job),
        **own_receiver(claim.webhook, event_type),
    )
