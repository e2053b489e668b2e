"""Stage 2: may a model see this, and in which form?"""

from dataclasses import replace

from infra.evidence import EvidenceKeeper
from infra.safety.moderation import Moderation
from infra.safety.parts import Whose
from schemas.claim import Claim
from schemas.review_terms import review_terms
from schemas.safety import Action, Stage
from schemas.safety_errors import HeldForReviewError, refusal_of
from worker.pipeline.job_run import JobRun


class ModeratePrompt:
    """Judges the input; what is blocked or held never reaches a model server.

    What people have let pass is not stopped again: their word stands over every detector's, but
    not over a list of known material. It is judged all the same, for the record and because
    personal data is still taken out.
    """

    name = "moderate_prompt"

    def __init__(self, moderation: Moderation, evidence: EvidenceKeeper) -> None:
        self._moderation = moderation
        self._evidence = evidence

    async def __call__(self, run: JobRun) -> JobRun:
        """Return ``run`` with its verdict, and ``told`` where the model is to see less."""
        claim = run.claim
        whose = whose_of(claim)
        judged = await self._moderation.judge_input(
            claim.input,
            whose,
            claim.safety_level,
            reviewed=claim.reviewed,
            reviewed_of=claim.reviewed_of,
            named=run.fetched,
            kind=claim.kind,
            given=run.given,
        )
        verdict = judged.verdict
        stop = None
        if verdict.action is Action.BLOCK:
            stop = refusal_of(Stage.PROMPT, verdict)
        elif verdict.action is Action.REVIEW:
            terms = review_terms(verdict, judged.policy)
            stop = HeldForReviewError(Stage.PROMPT, verdict, terms)
        if stop is not None:
            await self._evidence.keep(Stage.PROMPT, judged, whose, claim.job_id)
        else:
            await self._evidence.sample(Stage.PROMPT, judged, whose, claim.job_id)
        verdicts = {**run.verdicts, Stage.PROMPT.value: verdict}
        return replace(run, told=judged.told, verdicts=verdicts, stop=stop)


def whose_of(claim: Claim) -> Whose:
    """Return who asked for a job."""
    return Whose(claim.tenant_id, claim.end_user, claim.job_id)
