"""How a job's end becomes rows: the record, the event's exact bytes, the delivery owed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson

from infra.event_bodies import job_bodies
from infra.job_events import labels_of, own_receiver, running_record
from infra.new_ids import new_key
from infra.postgres.finish import Ending, Event
from infra.postgres.withdraw import WaitingJob, Withdrawal
from infra.response_events import response_ended
from schemas.checks import check_facts, gravest, job_verdict
from schemas.claim import Claim
from schemas.cost import Cost
from schemas.errors import ErrorRecord, GenqError
from schemas.events import LAST_STEP, sequence, terminal_type
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord
from schemas.job_states import AttemptOutcome, JobState
from schemas.provenance import Mark
from schemas.safety import Verdict
from schemas.work import NO_WORK, Work, charged_in

NO_VERDICTS: Final[Mapping[str, Verdict]] = MappingProxyType({})


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
    verdicts: Mapping[str, Verdict] = NO_VERDICTS,
    marks: Sequence[Mark] = (),
    work: Work = NO_WORK,
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
        verdicts: Of safety checks, by what they are of.
        marks: What the registry is to know of what was made.
        work: What its call of a model gave and took for nothing.
    """
    verdict = verdict_of(verdicts)
    record = replace(
        _with_made(running_record(claim), result or {}),
        state=state,
        finished_at=finished_at,
        error=error,
        artifacts=artifacts,
        verdict=verdict,
    )
    return Ending(
        claim=claim,
        state=state,
        outcome=outcome,
        finished_at=finished_at,
        event=_event_of(claim, record, finished_at, public_url),
        body=orjson.dumps(result).decode() if result else None,
        # Dataclasses as they are: ``asdict`` copies all that is in them first.
        artifacts=orjson.dumps(list(artifacts)).decode() if artifacts else None,
        error=orjson.dumps(error).decode() if error else None,
        actual=actual,
        checks=checks_of(verdicts),
        verdict=orjson.dumps(verdict).decode() if verdict else None,
        marks=orjson.dumps(list(marks)).decode() if marks else None,
        work=work,
    )


def _with_made(record: JobRecord, result: Mapping[str, Any]) -> JobRecord:
    return replace(record, text=result.get("text"), made=result, spent=charged_in(result))


def _event_of(claim: Claim, record: JobRecord, at: datetime, public_url: str) -> Event:
    return _event(
        record,
        at,
        fence=claim.fence,
        webhook=claim.webhook,
        channels=claim.channels,
        public_url=public_url,
    )


def verdict_of(verdicts: Mapping[str, Verdict]) -> Mapping[str, Any] | None:
    """Return what is kept with the job of its checks: the gravest, if it is worth that."""
    found = gravest(verdicts)
    return job_verdict(*found) if found else None


def checks_of(verdicts: Mapping[str, Verdict]) -> str | None:
    """Return what is kept with the attempt of its checks, as JSON."""
    if not verdicts:
        return None
    facts = {stage: check_facts(verdict) for stage, verdict in verdicts.items()}
    return orjson.dumps(facts).decode()


def withdrawal_of(
    waiting: WaitingJob,
    *,
    state: JobState,
    error: GenqError | ErrorRecord,
    public_url: str,
    verdict: Mapping[str, Any] | None = None,
) -> Withdrawal:
    """Return everything that the end of a job writes that no worker runs.

    Args:
        waiting: The job.
        state: Its final state.
        error: Why it ended.
        public_url: Where callers reach the API.
        verdict: As ``schemas.checks.job_verdict`` made it, if that is why.
    """
    told = error.record(format_id("err", new_key())) if isinstance(error, GenqError) else error
    at = waiting.found_at
    known = verdict or waiting.job.verdict
    record = replace(
        waiting.job, state=state, finished_at=at, error=told, waiting_on=None, verdict=known
    )
    return Withdrawal(
        job_id=record.id,
        fence=waiting.fence,
        state=state,
        finished_at=at,
        event=_event(
            record,
            at,
            fence=waiting.fence,
            webhook=waiting.webhook,
            channels=waiting.channels,
            public_url=public_url,
        ),
        error=orjson.dumps(told).decode(),
        verdict=orjson.dumps(verdict).decode() if verdict else None,
    )


def _event(
    record: JobRecord,
    at: datetime,
    *,
    fence: int,
    webhook: Mapping[str, Any] | None,
    channels: Sequence[str],
    public_url: str,
) -> Event:
    key = new_key()
    event_type = terminal_type(record.state)
    bodies = job_bodies(
        key,
        event_type,
        record,
        at=at,
        number=sequence(fence, LAST_STEP),
        public_url=public_url,
    )
    return Event(
        key,
        event_type.value,
        bodies.full,
        thin=bodies.thin,
        channels=channels,
        labels=labels_of(record),
        besides=response_ended(record, at, fence=fence, webhook=webhook, channels=channels),
        **own_receiver(webhook, event_type),
    )
