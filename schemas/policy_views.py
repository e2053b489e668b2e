"""Policies in answers."""

from typing import Any, Literal

from schemas.policy import CategoryRule, Policy
from schemas.shape import Shape


class PolicyView(Shape):
    """One version of a policy; what it says never changes.

    ``status``: ``active`` is the one that counts; ``retired`` did once; ``draft`` never did.
    """

    object: Literal["safety_policy"]
    version: int
    name: str
    status: Literal["draft", "active", "retired"]
    digest: str
    created_at: str
    created_by: str
    approved_by: str | None
    activated_at: str | None
    activated_by: str | None
    retired_at: str | None
    document: dict[str, Any]


class PolicyPage(Shape):
    """Versions, newest first."""

    object: Literal["list"]
    data: list[PolicyView]
    has_more: bool
    next: str | None


class CategoryRuleView(Shape):
    """From which score on what happens; of personal data and secrets what happens."""

    flag: float | None
    review: float | None
    block: float | None
    action: str | None
    floor: bool
    incident: str | None


class EffectivePolicyView(Shape):
    """What counts for a tenant: the installation's policy, its own, and its level, together.

    ``otherwise`` counts for categories that are not named.
    """

    object: Literal["effective_policy"]
    name: str
    version: int
    level: str
    digest: str
    categories: dict[str, CategoryRuleView]
    otherwise: CategoryRuleView
    limits: dict[str, float]
    detectors: dict[str, Any]
    partial_coverage: str
    escalation: dict[str, Any]
    review: dict[str, Any]
    retention: dict[str, Any]
    provenance: dict[str, Any]


def effective_view(policy: Policy) -> dict[str, Any]:
    """Return the JSON form: exactly the fields of ``EffectivePolicyView``."""
    return {
        "object": "effective_policy",
        "name": policy.name,
        "version": policy.version,
        "level": policy.level.value,
        "digest": policy.digest,
        "categories": {name: _rule(rule) for name, rule in sorted(policy.rules.items())},
        "otherwise": _rule(CategoryRule("", policy.otherwise)),
        "limits": policy.limits.model_dump(mode="json"),
        "detectors": {
            name: rule.model_dump(mode="json", exclude_unset=True)
            for name, rule in sorted(policy.detectors.items())
        },
        "partial_coverage": policy.partial_coverage.word,
        "escalation": policy.escalation.model_dump(mode="json"),
        "review": policy.review.model_dump(mode="json"),
        "retention": policy.retention.model_dump(mode="json"),
        "provenance": policy.marking.model_dump(mode="json"),
    }


def _rule(rule: CategoryRule) -> dict[str, Any]:
    return {
        "flag": rule.thresholds.flag,
        "review": rule.thresholds.review,
        "block": rule.thresholds.block,
        "action": rule.action.value if rule.action else None,
        "floor": rule.floor,
        "incident": rule.incident,
    }
