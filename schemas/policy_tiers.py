"""Which thresholds count for a category at a level, when several documents speak of it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from schemas.policy_category import DataAction
from schemas.policy_document import PolicyDocument
from schemas.policy_floors import FLOOR_THRESHOLDS
from schemas.policy_thresholds import NEVER, Thresholds
from schemas.safety import FLOORS
from schemas.tenant_plan import SafetyLevel

Documents = Sequence[PolicyDocument]
"""The installation's, and then perhaps a tenant's."""

LEVEL_THRESHOLDS: Final[Mapping[SafetyLevel, Thresholds]] = MappingProxyType(
    {
        SafetyLevel.OFF: NEVER,
        SafetyLevel.RELAXED: Thresholds(flag=0.60, block=0.85),
        SafetyLevel.STANDARD: Thresholds(flag=0.45, block=0.70),
        SafetyLevel.STRICT: Thresholds(flag=0.30, review=0.45, block=0.60),
    }
)
"""What counts where no document says anything."""

_BY_RIGOUR: Final = tuple(SafetyLevel)


def floors_of(installation: PolicyDocument) -> frozenset[str]:
    """Return the floor categories: genq's, and those that the installation names besides."""
    named = {name for name, rule in installation.categories.items() if rule.floor}
    return frozenset({*FLOORS, *named})


def thresholds_at(documents: Documents, category: str, level: SafetyLevel) -> Thresholds:
    """Return what counts for a category at a level.

    A level is at least as strict as every laxer one, and a floor at least as strict as the
    installation has it, and as genq has it.
    """
    found = _spoken(documents, category, level)
    if level is not SafetyLevel.OFF:
        found = found.at_least(thresholds_at(documents, category, _laxer(level)))
    return found


def action_at(documents: Documents, category: str, level: SafetyLevel) -> DataAction:
    """Return what happens with personal data or secrets at a level.

    A level is at least as strict as every laxer one.
    """
    floor = category in floors_of(documents[0])
    spoken = [_spoken_action(documents, category, level, floor=floor)]
    if floor and len(documents) > 1:
        spoken.append(action_at(documents[:1], category, level))
    if level is not SafetyLevel.OFF:
        spoken.append(action_at(documents, category, _laxer(level)))
    return max(spoken, key=lambda action: action.rigour)


def own_thresholds(documents: Documents, category: str, level: SafetyLevel) -> Thresholds:
    """Return what the documents say for a level, whatever laxer levels and floors say."""
    off = level is SafetyLevel.OFF
    found = LEVEL_THRESHOLDS[level]
    for document in documents:
        found = found.with_layer(document.levels.at(level.value))
    for document in documents:
        rule = document.categories.get(category)
        if rule is not None and (not off or category in floors_of(documents[0])):
            found = found.with_layer(rule.given())
            own = rule.at(level.value)
            found = found.with_layer(own.given() if own else {})
    return found


def _spoken(documents: Documents, category: str, level: SafetyLevel) -> Thresholds:
    found = own_thresholds(documents, category, level)
    if category in floors_of(documents[0]):
        if len(documents) > 1:
            found = found.at_least(own_thresholds(documents[:1], category, level))
        found = found.at_least(FLOOR_THRESHOLDS.get(category, NEVER))
    return found


def _spoken_action(
    documents: Documents, category: str, level: SafetyLevel, *, floor: bool
) -> DataAction:
    if level is SafetyLevel.OFF and not floor:
        return DataAction.ALLOW
    rules = [d.categories[category] for d in documents if category in d.categories]
    told = [action for rule in rules if (action := rule.action_at(level.value)) is not None]
    return told[-1] if told else DataAction.FLAG


def _laxer(level: SafetyLevel) -> SafetyLevel:
    return _BY_RIGOUR[_BY_RIGOUR.index(level) - 1]
