"""Stage 5: may its caller see what the model made?"""

from dataclasses import replace

from infra.evidence import EvidenceKeeper
from infra.objectstore.keys import QUARANTINE
from infra.objectstore.store import ObjectStore
from infra.safety.moderation import Moderation
from schemas.review_terms import review_terms
from schemas.safety import Action, Picture, Stage
from schemas.safety_errors import HeldForReviewError, refusal_of
from worker.pipeline.job_run import JobRun
from worker.pipeline.pictures import put_files
from worker.pipeline.stages.mark import Mark
from worker.pipeline.stages.moderate_prompt import whose_of


class ModerateOutput:
    """Judges the output: what is withheld is nowhere, what is held is where no route leads."""

    name = "moderate_output"

    def __init__(
        self,
        moderation: Moderation,
        evidence: EvidenceKeeper,
        store: ObjectStore,
        mark: Mark | None = None,
    ) -> None:
        self._moderation = moderation
        self._evidence = evidence
        self._store = store
        self._mark = mark

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with its verdict.

        Raises:
            ObjectStoreError: What is held could not be stored.
        """
        claim, output = run.claim, run.output
        if output is None:
            return run
        whose = whose_of(claim)
        judged = await self._moderation.judge_output(
            output.text,
            output.details,
            [Picture(one.data, one.content_type) for one in output.pictures],
            whose,
            claim.safety_level,
            prompt=str(claim.input.get("prompt", "")),
        )
        if judged is None:
            return run
        verdict = judged.verdict
        verdicts = {**run.verdicts, Stage.OUTPUT.value: verdict}
        run = replace(run, verdicts=verdicts)
        if verdict.action < Action.REVIEW:
            if verdict.action is Action.FLAG:
                await self._evidence.sample(Stage.OUTPUT, judged, whose, claim.job_id)
            return run
        await self._evidence.keep(Stage.OUTPUT, judged, whose, claim.job_id)
        if verdict.action is Action.BLOCK:
            return replace(run, stop=refusal_of(Stage.OUTPUT, verdict))
        if self._mark is not None:
            # Should people let it pass, it is handed out as it lies there.
            run = await self._mark(run)
        files = run.output.files if run.output else ()
        held = await put_files(self._store, claim, files, run.marks, prefix=QUARANTINE)
        stop = HeldForReviewError(Stage.OUTPUT, verdict, review_terms(verdict, judged.policy))
        return replace(run, artifacts=held, stop=stop)
