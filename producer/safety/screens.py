"""What `genq policy` prints."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from infra.postgres.policies import StoredPolicy
from producer.operator.screen import Screen
from producer.safety.policy_shown import policy_view
from producer.safety.sanctions import Sanctioned
from producer.safety.simulation import Simulation
from schemas.policy import CategoryRule, Policy
from schemas.policy_views import effective_view

_DASH: Final = "-"
_SHORT: Final = 12
_VERSIONS: Final = ("version", "name", "status", "created", "by", "approved by", "digest")
_CATEGORIES: Final = ("category", "flag", "review", "block", "action", "")


def show_versions(screen: Screen, found: Sequence[StoredPolicy]) -> None:
    """Print versions, newest first."""
    views = [policy_view(one) for one in found]
    rows = [
        (
            str(view["version"]),
            view["name"],
            view["status"],
            view["created_at"],
            view["created_by"],
            view["approved_by"] or _DASH,
            view["digest"][:_SHORT],
        )
        for view in views
    ]
    screen.show(_VERSIONS, rows, views)


def show_document(screen: Screen, policy: StoredPolicy) -> None:
    """Print a version as YAML, which can be edited and created again."""
    text = yaml.safe_dump(dict(policy.document), sort_keys=False, allow_unicode=True)
    screen.say(text.rstrip("\n"), policy_view(policy))


def show_effective(screen: Screen, policy: Policy) -> None:
    """Print what counts in the end."""
    rows = [_row(rule) for _, rule in sorted(policy.rules.items())]
    rows.append(_row(CategoryRule("(any other)", policy.otherwise)))
    screen.show(_CATEGORIES, rows, [effective_view(policy)])
    steps = ", ".join(f"{step.do} at {step.at}" for step in policy.escalation.actions)
    screen.remark(
        f"{policy.name} version {policy.version}, level {policy.level.value}, "
        f"digest {policy.digest[:_SHORT]}; strikes: {steps or 'no consequences'}"
    )


def show_simulation(screen: Screen, found: Simulation) -> None:
    """Print what would change, and which jobs."""
    view = found.view()
    changes: Sequence[Mapping[str, Any]] = view["changes"]
    rows = [
        (one["was"], one["would_be"], str(one["count"]), ", ".join(one["jobs"][:2]))
        for one in changes
    ]
    if rows or screen.as_json:
        screen.show(("was", "would be", "jobs", "such as"), rows, [view])
    whole = "all" if found.complete else "the newest"
    screen.remark(
        f"{view['changed']} of {found.judged} verdicts would change; {whole} {found.examined} "
        f"jobs since {view['since']} were looked at"
    )


def show_sanctions(screen: Screen, found: Sequence[Sanctioned], tenant: str) -> None:
    """Print who is sanctioned."""
    views = [one.view() for one in found]
    rows = [
        (view["subject"], str(view["strikes"]), ", ".join(view["actions"]), view["until"])
        for view in views
    ]
    if not rows:
        screen.remark(f"no end user of tenant {tenant} is sanctioned")
        return
    screen.show(("subject", "strikes", "what follows", "until"), rows, views)
    screen.remark(f"next: genq policy lift SUBJECT --tenant {tenant}")


def _row(rule: CategoryRule) -> tuple[str, ...]:
    tiers = (rule.thresholds.flag, rule.thresholds.review, rule.thresholds.block)
    notes = [
        word for word, told in (("floor", rule.floor), (rule.incident, rule.incident)) if told
    ]
    return (
        rule.name,
        *(_DASH if tier is None else f"{tier:.2f}" for tier in tiers),
        rule.action.value if rule.action else _DASH,
        ", ".join(filter(None, notes)),
    )
