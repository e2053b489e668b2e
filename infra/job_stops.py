"""What becomes of a job that safety stops where it is submitted: held, or blocked for good.

It is written with the job, in one transaction: no dispatcher ever sees it, no worker runs it,
and its owner is told as of every other end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.endings import withdrawal_of
from infra.evidence import EvidenceKeeper
from infra.job_events import queued_record
from infra.new_ids import new_key
from infra.postgres.evidence import NewEvidence, keep_evidence
from infra.postgres.hold import hold_new_jobs
from infra.postgres.reviews import NewReview, open_reviews
from infra.postgres.submit import NewJob, Stop
from infra.postgres.withdraw import WaitingJob, Withdrawal, withdraw_jobs
from infra.safety.moderation import Judged
from infra.safety.parts import Whose
from infra.safety.strikes import Blocked, add_strikes
from infra.settings import Settings
from infra.telemetry.generation_metrics import GENERATION_REQUESTS
from infra.telemetry.metrics import JOBS_FINISHED
from infra.telemetry.safety_metrics import count_verdict
from schemas import generation, lanes
from schemas.checks import job_verdict
from schemas.errors import ErrorRecord, InternalError
from schemas.ids import format_id
from schemas.job import NATIVE
from schemas.job_states import JobState, JobStatus
from schemas.review_terms import review_terms
from schemas.safety import Action, Stage, Verdict
from schemas.safety_errors import refusal_of

_STAGE: Final = Stage.PROMPT
_SUBMIT: Final = "submit"
_FACE: Final = "native"


@dataclass(frozen=True, slots=True)
class _Owed:
    """What is written along with a job that is stopped."""

    judged: Verdict
    verdict: str
    evidence: NewEvidence
    item: NewReview | None
    strike: Blocked | None


class JobStops:
    """Makes and writes what safety has against new jobs.

    Args:
        settings: Where callers reach the API, and the keys of evidence.
        evidence: Seals what was judged.
    """

    def __init__(self, settings: Settings, evidence: EvidenceKeeper) -> None:
        self._public_url = settings.public_url
        self._evidence = evidence

    def stop_of(self, new: NewJob, judged: Judged) -> Stop | None:
        """Return what is to become of a job; ``None``: it goes its way."""
        verdict = judged.verdict
        if verdict.action < Action.REVIEW:
            return None
        blocked = verdict.action is Action.BLOCK
        facts = job_verdict(_STAGE.value, verdict)
        text = orjson.dumps(facts).decode()
        whose = Whose(new.tenant_id, new.end_user, new.id)
        owed = _Owed(
            judged=verdict,
            verdict=text,
            evidence=self._evidence.of(_STAGE, judged, whose, new.id),
            item=None if blocked else _item(new, judged, text),
            strike=self._evidence.strike_of(judged, whose) if blocked else None,
        )
        error = refusal_of(_STAGE, verdict).record(format_id("err", new_key()))
        return Stop(facts, error if blocked else None, self._write, owed)

    async def _write(
        self, connection: AsyncConnection, jobs: Sequence[tuple[NewJob, datetime]]
    ) -> None:
        owed = {new.id: _owed(new) for new, _ in jobs}
        # Whose commit's answer was lost was stopped then; it is found as it is.
        first = await hold_new_jobs(connection, {key: one.verdict for key, one in owed.items()})
        fresh = [(new, at) for new, at in jobs if new.id in first]
        for new, _ in fresh:
            _count(new, owed[new.id].judged)
        ends = [self._end(new, at) for new, at in fresh if new.stop and new.stop.blocks]
        await withdraw_jobs(connection, ends)
        items = [owed[new.id].item for new, _ in fresh]
        await open_reviews(connection, [item for item in items if item is not None])
        for new, _ in fresh:
            await keep_evidence(connection, owed[new.id].evidence)
        strikes = [owed[new.id].strike for new, _ in fresh]
        await add_strikes(connection, [one for one in strikes if one is not None])

    def _end(self, new: NewJob, at: datetime) -> Withdrawal:
        error, facts = _error(new), new.stop.verdict if new.stop else None
        payload = orjson.loads(new.payload)
        waiting = WaitingJob(
            replace(queued_record(new, at), face=payload.get("face", NATIVE)),
            0,
            payload.get("webhook"),
            None,
            at,
            payload.get("channels") or (),
        )
        return withdrawal_of(
            waiting,
            state=JobState.BLOCKED,
            error=error,
            public_url=self._public_url,
            verdict=facts,
        )


def _count(new: NewJob, verdict: Verdict) -> None:
    count_verdict(_SUBMIT, verdict)
    if new.stop is not None and new.stop.blocks:
        lane, kind = lanes.BY_NUMBER[new.lane].value, generation.BY_NUMBER[new.kind].value
        status = JobStatus.BLOCKED.value
        JOBS_FINISHED.labels(lane, kind, status).inc()
        GENERATION_REQUESTS.labels(new.model, lane, status, _FACE).inc()


def _item(new: NewJob, judged: Judged, verdict: str) -> NewReview:
    terms = review_terms(judged.verdict, judged.policy)
    return NewReview(
        id=new_key(),
        tenant_id=new.tenant_id,
        job_id=new.id,
        stage=_STAGE,
        category=terms.category,
        verdict=verdict,
        needs=terms.needs,
        due_in=terms.due_in,
        on_timeout=terms.on_timeout,
    )


def _owed(new: NewJob) -> _Owed:
    if new.stop is None or not isinstance(new.stop.owed, _Owed):
        raise InternalError("a job is stopped that nobody has anything against")
    return new.stop.owed


def _error(new: NewJob) -> ErrorRecord:
    if new.stop is None or new.stop.error is None:
        raise InternalError("a job is blocked that nobody has anything against")
    return new.stop.error
