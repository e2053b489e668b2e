"""How people decide: what they may say, why, and what follows of what several of them said."""

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from schemas.safety import Action
from schemas.shape import Shape

LEASE: Final = timedelta(minutes=10)
"""How long an item is one reviewer's alone; claimed again, as long again."""
APPEAL_WITHIN: Final = timedelta(days=14)
"""Of the end of the job."""
LONGEST_NOTE: Final = 4_000
LONGEST_APPEAL: Final = 8_000

_STRICT: Final = ConfigDict(extra="forbid", frozen=True)
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Decision(StrEnum):
    """What a reviewer may say."""

    APPROVE = "approve"
    REJECT = "reject"
    ESCALATE = "escalate"


class Origin(StrEnum):
    """Why people are asked."""

    HOLD = "hold"
    """A job waits for the answer."""
    SAMPLE = "sample"
    """A share of what went through."""
    REPORT = "report"
    APPEAL = "appeal"


class ReviewState(IntEnum):
    """Where an item is, as PostgreSQL stores it."""

    OPEN = 0
    DECIDED = 1
    TIMED_OUT = 2
    WITHDRAWN = 3

    @property
    def word(self) -> str:
        """The state as callers see it."""
        return self.name.lower()


class AppealState(IntEnum):
    """Where an appeal is, as PostgreSQL stores it."""

    OPEN = 0
    UPHELD = 1
    OVERTURNED = 2

    @property
    def word(self) -> str:
        """The state as callers see it."""
        return self.name.lower()


FALSE_POSITIVE: Final = "false_positive"
"""The label of what was stopped and should not have been."""

REASONS: Final[Mapping[Decision, Mapping[str, str]]] = MappingProxyType(
    {
        Decision.APPROVE: MappingProxyType(
            {
                FALSE_POSITIVE: "the detectors were wrong",
                "harmless": "there is nothing wrong with it",
                "context": "in its context it is acceptable",
                "other": "see the note",
            }
        ),
        Decision.REJECT: MappingProxyType(
            {
                "violates_policy": "the policy does not allow it",
                "illegal": "the law does not allow it",
                "harms_a_person": "it would harm a person",
                "personal_data": "it has data of people who did not agree",
                "evasion": "it tries to get around the checks",
                "other": "see the note",
            }
        ),
        Decision.ESCALATE: MappingProxyType(
            {
                "unsure": "somebody with more experience should look",
                "legal": "it is a question of law",
                "other": "see the note",
            }
        ),
    }
)
"""Reason codes by decision, each with its words for the person who asked."""

ReportCategory = Literal[
    "sexual", "sexual_minors", "hate", "harassment", "violence", "self_harm", "illicit",
    "privacy", "copyright", "deception", "other",
]  # fmt: skip
REPORT_CATEGORIES: Final[tuple[str, ...]] = get_args(ReportCategory)


class Step(Enum):
    """What follows of a decision."""

    WAIT = "wait"
    """Another person has to decide as well."""
    ESCALATE = "escalate"
    APPROVE = "approve"
    REJECT = "reject"


_FINAL: Final = {Decision.APPROVE: Step.APPROVE, Decision.REJECT: Step.REJECT}


def next_step(
    said: Decision, before: Mapping[str, Decision], *, needs: int, escalated: bool
) -> Step:
    """Return what follows of a decision.

    Args:
        said: What was decided now.
        before: What others said of the same item.
        needs: How many people must agree.
        escalated: Whoever decides now is one of those who settle what others could not.
    """
    if said is Decision.ESCALATE:
        return Step.ESCALATE
    if escalated:
        return _FINAL[said]
    others = [decision for decision in before.values() if decision is not Decision.ESCALATE]
    if any(decision is not said for decision in others):
        return Step.ESCALATE
    return _FINAL[said] if len(others) + 1 >= needs else Step.WAIT


def outcome_of(step: Step) -> Action:
    """Return what an item's final step means for its job."""
    return Action.ALLOW if step is Step.APPROVE else Action.BLOCK


class ReviewDecision(Shape):
    """The body of ``POST /v1/reviews/{review_id}/decide``."""

    model_config = _STRICT

    decision: Decision
    reason: str
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] | None = None

    @model_validator(mode="after")
    def _known_reason(self) -> Self:
        allowed = REASONS[self.decision]
        if self.reason not in allowed:
            raise ValueError(
                f"the reason of {self.decision.value} is one of {', '.join(allowed)}"
            )
        if self.note is not None and "\x00" in self.note:
            raise ValueError("the note must not contain the character U+0000")
        return self


class ReviewChoice(Shape):
    """The body of ``POST /v1/reviews/claim``: which item; it may be left out."""

    model_config = _STRICT

    category: Annotated[str, Field(max_length=128)] | None = None
    origin: Origin | None = None


class AppealRequest(Shape):
    """The body of ``POST /v1/jobs/{job_id}/appeal``: why the decision was wrong."""

    model_config = _STRICT

    text: Annotated[_Text, Field(max_length=LONGEST_APPEAL)]


class ReportRequest(Shape):
    """The body of ``POST /v1/jobs/{job_id}/report``: what is wrong with a result.

    ``reporter`` is whoever said so, by the tenant's own name for them; a pseudonym is kept.
    """

    model_config = _STRICT

    category: ReportCategory
    note: Annotated[_Text, Field(max_length=LONGEST_NOTE)] | None = None
    reporter: Annotated[_Text, Field(max_length=128)] | None = None
