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
from schemas.cost import Cost
from schemas.safety import Stage, Verdict
from worker.pipeline.job_run import JobRun
from worker.pipeline.outcome import Hold


class AttemptHolds:
    """Makes what is written of attempts whose jobs are held."""

    def __init__(self, settings: Settings) -> None:
        self._sealer: Sealer = sealer_for(settings)

    def holding_of(
        self, run: JobRun, hold: Hold, took: timedelta, actual: Cost | None
    ) -> Holding:
        """Return everything that a hold writes.

        Args:
            run: How far the attempt came.
            hold: What a person has to decide.
            took: How long the attempt took.
            actual: What it really took, if that is known.
        """
        claim, terms = run.claim, hold.terms
        verdict = orjson.dumps(job_verdict(hold.stage.value, hold.verdict)).decode()
        pending = self._pending(run, took, actual) if hold.stage is Stage.OUTPUT else None
        return Holding(
            claim=claim,
            ended_at=claim.started_at + took,
            checks=checks_of(_told(run, hold)) or "{}",
            verdict=verdict,
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

    def _pending(self, run: JobRun, took: timedelta, actual: Cost | None) -> bytes:
        claim = run.claim
        made = PendingOutput(
            fence=claim.fence,
            attempt=claim.attempt,
            started_at=claim.started_at,
            made_at=claim.started_at + took,
            result=run.result(),
            artifacts=run.artifacts,
            actual=actual,
            marks=run.marks,
        )
        return seal_pending(self._sealer, claim.tenant_id, claim.job_id, made)


def _told(run: JobRun, hold: Hold) -> Mapping[str, Verdict]:
    return {**run.verdicts, hold.stage.value: hold.verdict}
