"""Metrics of safety checks: how long each detector takes, and who did not answer."""

from functools import lru_cache
from typing import Final

from prometheus_client import Counter, Histogram

from infra.telemetry.generation_metrics import SAFETY_VIOLATIONS
from infra.telemetry.metrics import SAFETY_DECISIONS
from schemas.policy_category import is_data
from schemas.safety import CATEGORIES, OTHER, Action, Verdict

SAFETY_SECONDS: Final = Histogram(
    "genq_safety_check_seconds",
    "One look of a detector at one text or picture.",
    ["filter"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5),
)
DETECTOR_FAILURES: Final = Counter(
    "genq_safety_detector_failures",
    "Detectors that gave no answer: timeout, failed, or open after too many of these.",
    ["filter", "reason"],
)
EVIDENCE_LOST: Final = Counter(
    "genq_safety_evidence_lost", "Texts that were to be kept for reviews, and could not be."
)
UNMARKED: Final = Counter(
    "genq_pictures_unmarked", "Pictures that were handed out without a manifest.", ["type"]
)

seconds_of: Final = lru_cache(maxsize=64)(SAFETY_SECONDS.labels)
_decisions: Final = lru_cache(maxsize=512)(SAFETY_DECISIONS.labels)
_KNOWN: Final = frozenset(CATEGORIES)
_EVERYBODY: Final = "all"
_POLICY: Final = "policy"
_OWN: Final = "own"


def count_verdict(stage: str, verdict: Verdict) -> None:
    """Count what was decided: by whom, and of what is blocked, why.

    Args:
        stage: ``submit``, ``prompt`` or ``output``.
        verdict: What was decided there.
    """
    if not verdict.reasons:
        _decisions(stage, _EVERYBODY, Action.ALLOW.word).inc()
    for name, action in {(r.detector or _POLICY, r.action) for r in verdict.reasons}:
        _decisions(stage, name, action.word).inc()
    blocked = {r.category for r in verdict.reasons if r.action is Action.BLOCK}
    if verdict.action is Action.BLOCK:
        for category in blocked:
            SAFETY_VIOLATIONS.labels(_label_of(category)).inc()


def _label_of(category: str) -> str:
    """Return a category as a label: tenants' own have one in common."""
    known = category in _KNOWN or category == OTHER or is_data(category)
    return category if known or category.startswith("limits.") else _OWN
