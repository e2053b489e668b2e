"""What a job's owner is told of its safety verdict: the statement of reasons."""

from collections.abc import Mapping
from typing import Any

from schemas.job_states import JobState
from schemas.shape import Shape


class SafetyReasonView(Shape):
    """One reason: the policy's rule, what triggered it, and a sentence for people."""

    rule: str
    category: str
    action: str
    detector: str
    score: float
    threshold: float | None
    text: str


class SafetyPolicyView(Shape):
    """Which policy decided, exactly."""

    name: str
    version: int
    digest: str
    level: str


class SafetyView(Shape):
    """Why a job was flagged, is held, or was blocked.

    ``stage`` is what was judged: ``prompt`` or ``output``. ``automated``: no person has decided
    yet. ``appeal_url`` is there for jobs that were blocked.
    """

    verdict: str
    stage: str
    is_safe: bool
    confidence: float
    categories: dict[str, float]
    violations: list[str]
    reasons: list[SafetyReasonView]
    policy: SafetyPolicyView
    coverage: str
    automated: bool
    appeal_url: str | None


def safety_view(
    verdict: Mapping[str, Any] | None, state: JobState, own_url: str
) -> dict[str, Any] | None:
    """Return the JSON form of ``SafetyView``; ``None`` for a job that simply passed.

    Args:
        verdict: As ``schemas.checks.job_verdict`` made it.
        state: Of the job.
        own_url: Of the job.
    """
    if verdict is None:
        return None
    blocked = state is JobState.BLOCKED
    return {
        "verdict": verdict["verdict"],
        "stage": verdict["stage"],
        "is_safe": verdict["is_safe"],
        "confidence": verdict["confidence"],
        "categories": verdict["categories"],
        "violations": verdict["violations"],
        "reasons": verdict["reasons"],
        "policy": verdict["policy"],
        "coverage": verdict["coverage"],
        "automated": not verdict.get("decided_by_people", False),
        "appeal_url": f"{own_url}/appeal" if blocked else None,
    }
