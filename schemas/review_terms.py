"""How people decide about what is held: what it is called, how many of them, until when."""

from dataclasses import dataclass
from datetime import timedelta

from schemas.policy import Policy
from schemas.safety import OTHER, Action, Verdict


@dataclass(frozen=True, slots=True)
class ReviewTerms:
    """The terms of one item.

    Attributes:
        category: The gravest of the verdict.
        needs: How many people must agree.
        due_in: How long it may wait.
        on_timeout: What then.
    """

    category: str
    needs: int
    due_in: timedelta
    on_timeout: Action


def review_terms(verdict: Verdict, policy: Policy) -> ReviewTerms:
    """Return on which terms a verdict is looked at, by the policy that made it."""
    named = verdict.violations or (OTHER,)
    double = any(category in policy.review.second_reviewer for category in named)
    return ReviewTerms(
        category=named[0],
        needs=2 if double else 1,
        due_in=policy.review.sla,
        on_timeout=max(policy.on_timeout(category) for category in named),
    )
