"""How an attempt's end becomes the rows of a job that waits for a person."""

from collections.abc import Mapping
from datetime import timedelta

import orjson

from infra.endings import checks_of
from infra.new_ids import new_key
from infra.pending import PendingOutput, seal_pending
from infra.postgres.hold import Holding
from infra.postgres.reviews import NewReview
from infra.sealing import Sealer, sealer_for
from infra.settings import Settings
from schemas.checks import job_verdict
from schemas.safety import Stage, Verdict
from schemas.work import Work
from worker.accountant import Accountant
from worker.pipeline.job_run import JobRun
from worker.pipeline.outcome import Hold


class AttemptHolds:
    """Makes what is written of attempts whose jobs are held."""

    def __init__(self, settings: Settings, accountant: Accountant) -> None:
        self._accountant = accountant
        self._sealer: Sealer = sealer_for(settings)

    def holding_of(self, run: JobRun, hold: Hold, took: timedelta) -> Holding:
        """Return everything that a hold writes.

        Args:
            run: How far the attempt came.
            hold: What a person has to decide.
            took: How long the attempt took.
        """
        claim, terms = run.claim, hold.terms
        work = self._accountant.work_of(run)
        verdict = orjson.dumps(job_verdict(hold.stage.value, hold.verdict)).decode()
        pending = self._pending(run, took, work) if hold.stage is Stage.OUTPUT else None
        return Holding(
            claim=claim,
            ended_at=claim.started_at + took,
            checks=checks_of(_told(run, hold)) or "{}",
            verdict=verdict,
            work=work,
            item=NewReview(
                id=new_key(),
                tenant_id=claim.tenant_id,
                job_id=claim.job_id,
                stage=hold.stage,
                category=terms.category,
                verdict=verdict,
                needs=terms.needs,
                due_in=terms.due_in,
                on_timeout=terms.on_timeout,
                pending=pending,
            ),
        )

    def _pending(self, run: JobRun, took: timedelta, work: Work) -> bytes:
        claim = run.claim
        made = PendingOutput(
            fence=claim.fence,
            attempt=claim.attempt,
            started_at=claim.started_at,
            made_at=claim.started_at + took,
            result=self._accountant.result_of(run, work),
            artifacts=run.artifacts,
            actual=self._accountant.actual_of(run),
            marks=run.marks,
        )
        return seal_pending(self._sealer, claim.tenant_id, claim.job_id, made)


def _told(run: JobRun, hold: Hold) -> Mapping[str, Verdict]:
    return {**run.verdicts, hold.stage.value: hold.verdict}
