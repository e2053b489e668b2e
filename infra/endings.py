"""How a job's end becomes rows: the record, the event's exact bytes, the delivery owed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from infra.new_ids import new_key
from infra.postgres.finish import Ending, Event
from infra.postgres.withdraw import WaitingJob, Withdrawal
from schemas.claim import Claim
from schemas.cost import Cost
from schemas.errors import ErrorRecord, GenqError
from schemas.events import envelope, terminal_type
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord, iso_ms, job_view
from schemas.job_states import AttemptOutcome, JobState


def ending_of(
    claim: Claim,
    *,
    state: JobState,
    outcome: AttemptOutcome,
    finished_at: datetime,
    public_url: str,
    artifacts: Sequence[Artifact] = (),
    result: Mapping[str, Any] | None = None,
    error: ErrorRecord | None = None,
    actual: Cost | None = None,
) -> Ending:
    """Return everything that a job's end writes.

    Args:
        claim: The attempt that ends the job.
        state: Its final state.
        outcome: How the attempt itself ended.
        finished_at: PostgreSQL's time, or reckoned from its time at the start.
        public_url: Where callers reach the API.
        artifacts: What was stored.
        result: What the model answered besides: ``text``, ``usage``.
        error: Why the job failed.
        actual: What it really took, if that is known.
    """
    record = replace(
        _record_of(claim),
        state=state,
        finished_at=finished_at,
        error=error,
        artifacts=artifacts,
        text=(result or {}).get("text"),
    )
    return Ending(
        claim=claim,
        state=state,
        outcome=outcome,
        finished_at=finished_at,
        event=_event(record, claim.webhook, finished_at, public_url),
        body=orjson.dumps(result).decode() if result else None,
        artifacts=orjson.dumps([asdict(a) for a in artifacts]).decode() if artifacts else None,
        error=orjson.dumps(error).decode() if error else None,
        actual=actual,
    )


def _record_of(claim: Claim) -> JobRecord:
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
    )


def withdrawal_of(
    waiting: WaitingJob, *, state: JobState, error: GenqError, public_url: str
) -> Withdrawal:
    """Return everything that the end of a job writes that no worker runs.

    Args:
        waiting: The job.
        state: Its final state.
        error: Why it ended.
        public_url: Where callers reach the API.
    """
    told = error.record(format_id("err", new_key()))
    at = waiting.found_at
    record = replace(waiting.job, state=state, finished_at=at, error=told)
    return Withdrawal(
        job_id=record.id,
        fence=waiting.fence,
        state=state,
        finished_at=at,
        event=_event(record, waiting.webhook, at, public_url),
        error=orjson.dumps(told).decode(),
    )


def _event(
    record: JobRecord, webhook: Mapping[str, Any] | None, at: datetime, public_url: str
) -> Event:
    key = new_key()
    event_type = terminal_type(record.state)
    body = orjson.dumps(
        envelope(
            format_id("evt", key),
            event_type,
            at=iso_ms(at),
            at_seconds=int(at.timestamp()),
            data=job_view(record, public_url),
        )
    )
    url = _receiver(webhook, event_type.value)
    if url is None:
        return Event(key, event_type.value, body)
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return Event(key, event_type.value, body, delivery_id=new_key(), url=url, origin=origin)


def _receiver(webhook: Mapping[str, Any] | None, event_type: str) -> str | None:
    if webhook is None or event_type not in webhook["events"]:
        return None
    return webhook["url"]
