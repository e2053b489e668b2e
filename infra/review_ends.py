"""How people's decisions become the ends of jobs: the record, the event, the reason told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from infra.endings import withdrawal_of
from infra.event_bodies import job_bodies
from infra.job_events import labels_of, own_receiver
from infra.new_ids import new_key
from infra.objectstore.keys import QUARANTINE
from infra.pending import PendingOutput
from infra.postgres.approve import Approval
from infra.postgres.finish import Event
from infra.postgres.withdraw import WaitingJob, Withdrawal
from infra.response_events import response_ended
from schemas.errors import BlockedContentError, ErrorRecord
from schemas.events import LAST_STEP, sequence, terminal_type
from schemas.ids import format_id
from schemas.job import Artifact, JobRecord
from schemas.job_states import JobState
from schemas.safety import Action, Stage
from schemas.safety_errors import OutputWithheldError
from schemas.work import charged_in

RULE: Final = "review"
BY_PERSON: Final = "decided by a person"
BY_TIME: Final = "nobody decided in time"


def decided_verdict(
    before: Mapping[str, Any], outcome: Action, *, text: str, by_people: bool = True
) -> dict[str, Any]:
    """Return what is kept with a job of its verdict once it is decided.

    Args:
        before: As ``schemas.checks.job_verdict`` made it.
        outcome: ``BLOCK``, or ``ALLOW``: what detectors found stays on the record as a flag.
        text: Why, for the person who asked.
        by_people: Not by the time that is over.
    """
    action = Action.BLOCK if outcome is Action.BLOCK else Action.FLAG
    category = next(iter(before.get("violations") or ()), "other")
    reason = {
        "rule": RULE,
        "category": category,
        "action": action.word,
        "detector": "",
        "score": 1.0,
        "threshold": None,
        "text": text,
    }
    return {
        **before,
        "verdict": action.word,
        "is_safe": action is Action.FLAG,
        "reasons": [reason, *before.get("reasons", ())],
        "decided_by_people": by_people,
    }


def rejection_of(
    waiting: WaitingJob,
    stage: Stage,
    verdict: Mapping[str, Any],
    *,
    text: str,
    public_url: str,
) -> Withdrawal:
    """Return the end of a job that people, or the time that is over, have blocked.

    Args:
        waiting: The job, locked.
        stage: What was not acceptable: its prompt, or what was made.
        verdict: Of ``decided_verdict``.
        text: Why, for the person who asked.
        public_url: Where callers reach the API.
    """
    return withdrawal_of(
        waiting,
        state=JobState.BLOCKED,
        error=_error(stage, text),
        public_url=public_url,
        verdict=verdict,
    )


def approval_of(
    waiting: WaitingJob,
    pending: PendingOutput,
    verdict: Mapping[str, Any],
    *,
    public_url: str,
) -> Approval:
    """Return the success of a job whose output waited.

    Args:
        waiting: The job, locked.
        pending: What was made; its pictures lie under their public keys as well by now.
        verdict: Of ``decided_verdict``.
        public_url: Where callers reach the API.
    """
    artifacts = public_artifacts(pending)
    record = replace(
        waiting.job,
        state=JobState.SUCCEEDED,
        started_at=pending.started_at,
        finished_at=waiting.found_at,
        artifacts=artifacts,
        text=pending.result.get("text"),
        made=pending.result,
        spent=charged_in(pending.result),
        verdict=verdict,
        waiting_on=None,
    )
    return Approval(
        job_id=record.id,
        tenant_id=record.tenant_id,
        end_user=record.end_user,
        fence=waiting.fence,
        made_under=pending.fence,
        started_at=pending.started_at,
        finished_at=waiting.found_at,
        event=_success(record, waiting, public_url),
        body=_json(pending.result),
        artifacts=_json(list(artifacts)),
        verdict=orjson.dumps(verdict).decode(),
        actual=pending.actual,
        marks=_json(list(pending.marks)),
    )


def public_artifacts(pending: PendingOutput) -> Sequence[Artifact]:
    """Return pictures that waited, under the keys that callers are served from."""
    return [
        replace(artifact, key=artifact.key.removeprefix(QUARANTINE))
        for artifact in pending.artifacts
    ]


def _success(record: JobRecord, waiting: WaitingJob, public_url: str) -> Event:
    key, event_type = new_key(), terminal_type(JobState.SUCCEEDED)
    bodies = job_bodies(
        key,
        event_type,
        record,
        at=waiting.found_at,
        number=sequence(waiting.fence, LAST_STEP),
        public_url=public_url,
    )
    return Event(
        key,
        event_type.value,
        bodies.full,
        thin=bodies.thin,
        channels=waiting.channels,
        labels=labels_of(record),
        besides=response_ended(
            record,
            waiting.found_at,
            fence=waiting.fence,
            webhook=waiting.webhook,
            channels=waiting.channels,
        ),
        **own_receiver(waiting.webhook, event_type),
    )


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str | None:
    return orjson.dumps(value).decode() if value else None


def _error(stage: Stage, text: str) -> ErrorRecord:
    output = stage is Stage.OUTPUT
    what = "what the model made was withheld" if output else "the prompt was blocked"
    record = BlockedContentError(f"{what}: {text}").record(format_id("err", new_key()))
    return {**record, "code": OutputWithheldError.code} if output else record
