"""Metrics of people's decisions."""

from typing import Final

from prometheus_client import Counter

from schemas.review import Origin

REVIEW_DECISIONS: Final = Counter(
    "genq_review_decisions",
    "What people decided: approve, reject, escalate; or what time did: timed_out_allow, "
    "timed_out_block.",
    ["cause", "outcome"],
)


def count_review(origin: Origin, outcome: str) -> None:
    """Count a decision."""
    REVIEW_DECISIONS.labels(origin.value, outcome).inc()
