"""How an attempt's end becomes rows: the record, the event's exact bytes, the delivery owed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from infra.new_ids import new_key
from infra.postgres.finish import Ending, Event
from schemas.claim import Claim
from schemas.errors import ErrorRecord
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
    """
    record = JobRecord(
        id=claim.job_id,
        tenant_id=claim.tenant_id,
        kind=claim.kind,
        model=claim.model,
        lane=claim.lane,
        priority=claim.priority,
        state=state,
        created_at=claim.created_at,
        input=claim.input,
        started_at=claim.started_at,
        finished_at=finished_at,
        attempts=claim.attempt,
        metadata=claim.metadata,
        end_user=claim.end_user,
        error=error,
        artifacts=artifacts,
        text=(result or {}).get("text"),
    )
    return Ending(
        claim=claim,
        state=state,
        outcome=outcome,
        finished_at=finished_at,
        event=_event(claim, record, finished_at, public_url),
        body=orjson.dumps(result).decode() if result else None,
        artifacts=orjson.dumps([asdict(a) for a in artifacts]).decode() if artifacts else None,
        error=orjson.dumps(error).decode() if error else None,
    )


def _event(claim: Claim, record: JobRecord, at: datetime, public_url: str) -> Event:
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
    url = _receiver(claim, event_type.value)
    if url is None:
        return Event(key, event_type.value, body)
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return Event(key, event_type.value, body, delivery_id=new_key(), url=url, origin=origin)


def _receiver(claim: Claim, event_type: str) -> str | None:
    if claim.webhook is None or event_type not in claim.webhook["events"]:
        return None
    return claim.webhook["url"]
