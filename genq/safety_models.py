"""What safety checks say of a job, as the SDK hands it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SafetyReason:
    """One reason of a verdict.

    Attributes:
        rule: Of the policy, such as ``categories.violence``.
        action: ``flag``, ``review`` or ``block``.
        score: What was found, 0 to 1; ``threshold`` is what it was held against.
        text: One sentence for people.
    """

    rule: str
    category: str
    action: str
    detector: str
    score: float
    text: str
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class SafetyPolicy:
    """Which policy decided, exactly."""

    name: str
    version: int
    digest: str
    level: str


@dataclass(frozen=True, slots=True)
class Safety:
    """Why a job was flagged, is held for a person, or was blocked.

    Attributes:
        verdict: ``flag``, ``review`` or ``block``.
        stage: What was judged: ``prompt`` or ``output``.
        is_safe: Whether the job goes on without anybody's leave.
        confidence: How sure the verdict is, 0 to 1.
        categories: The highest score of each category that scored at all.
        violations: The categories that led to the verdict, the gravest first.
        coverage: How much could be read: ``full``, ``partial`` or ``none``.
        automated: No person has decided yet.
        appeal_url: Where to object to a block.
    """

    verdict: str
    stage: str
    is_safe: bool
    confidence: float
    categories: Mapping[str, float] = field(default_factory=dict[str, float])
    violations: tuple[str, ...] = ()
    reasons: tuple[SafetyReason, ...] = ()
    policy: SafetyPolicy | None = None
    coverage: str = "full"
    automated: bool = True
    appeal_url: str | None = None
