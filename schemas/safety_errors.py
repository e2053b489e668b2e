"""Why a job ends, or waits, that safety checks stopped: a branch of the error tree."""

from schemas.errors import BlockedContentError
from schemas.review_terms import ReviewTerms
from schemas.safety import Stage, Verdict


class OutputWithheldError(BlockedContentError):
    """What the model made is not acceptable, and is not kept."""

    code = "output_withheld"


class HeldForReviewError(Exception):
    """Ends an attempt whose job a person has to look at; no error of the job.

    Attributes:
        stage: What waits: the prompt, or what was made.
        verdict: Why.
        terms: How people decide.
    """

    def __init__(self, stage: Stage, verdict: Verdict, terms: ReviewTerms) -> None:
        super().__init__(f"a person decides about the {stage.value}")
        self.stage = stage
        self.verdict = verdict
        self.terms = terms


def refusal_of(stage: Stage, verdict: Verdict) -> BlockedContentError:
    """Return the error that ends a job whose verdict is to block it."""
    told = verdict.reasons[0].text if verdict.reasons else "the policy does not allow it"
    if stage is Stage.OUTPUT:
        return OutputWithheldError(f"what the model made was withheld: {told}")
    return BlockedContentError(f"the prompt was blocked: {told}")
