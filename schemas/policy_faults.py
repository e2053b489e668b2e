"""What is wrong with a policy that reads well: loosened floors, broken orders, odd names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from schemas.policy_category import LEVELS, CategoryDocument, is_data
from schemas.policy_detectors import DetectorDocument
from schemas.policy_document import PolicyDocument
from schemas.policy_floors import FLOOR_DETECTORS, FLOOR_THRESHOLDS
from schemas.policy_override import override_faults
from schemas.policy_thresholds import NEVER, Thresholds
from schemas.policy_tiers import (
    LEVEL_THRESHOLDS,
    action_at,
    floors_of,
    own_thresholds,
    thresholds_at,
)
from schemas.safety import CATEGORIES, OTHER, Stage
from schemas.tenant_plan import SafetyLevel

Path = tuple[str, ...]
Fault = tuple[Path, str]

KNOWN: Final = frozenset({*CATEGORIES, OTHER, "profanity", "evasion", "secret"})
"""Categories that detectors of genq find; those of personal data besides."""
MOST_EXEMPLARS: Final = 2_000
"""Sentences of all categories together: to learn from so many takes a second or two."""
_THRESHOLDS: Final = ("flag", "review", "block")


@dataclass(frozen=True, slots=True)
class _Looked:
    """A document that is looked at, and whatever it overrides."""

    document: PolicyDocument
    installation: PolicyDocument | None

    @property
    def documents(self) -> Sequence[PolicyDocument]:
        if self.installation is None:
            return (self.document,)
        return (self.installation, self.document)

    @property
    def floors(self) -> frozenset[str]:
        return floors_of(self.installation or self.document)

    def floor(self, category: str, level: SafetyLevel) -> Thresholds:
        """Return what the document must be as strict as."""
        least = FLOOR_THRESHOLDS.get(category, NEVER)
        if self.installation is None:
            return least
        return least.at_least(thresholds_at((self.installation,), category, level))


def document_faults(
    document: PolicyDocument, installation: PolicyDocument | None
) -> list[Fault]:
    """Return everything that is wrong, as paths and sentences; nothing if it may count.

    Args:
        document: What is looked at.
        installation: What it overrides; ``None`` if it is the installation's own.
    """
    look = _Looked(document, installation)
    found: dict[Path, str] = {}
    for path, message in (
        *_levels(document),
        *_categories(look),
        *_detectors(document),
        *_names(look),
        *_sentences(document),
        *(override_faults(document, installation) if installation else ()),
    ):
        found.setdefault(path, message)
    return sorted(found.items())


def _levels(document: PolicyDocument) -> Iterator[Fault]:
    for level in LEVELS:
        layer = document.levels.at(level)
        yield from _order(("levels", level), LEVEL_THRESHOLDS[SafetyLevel(level)], layer)
    yield from _milder((document,), OTHER, ("levels",))


def _categories(look: _Looked) -> Iterator[Fault]:
    for name, rule in look.document.categories.items():
        path = ("categories", name)
        yield from _kind(path, name, rule)
        if name in look.floors:
            yield from _floor(look, path, name, rule)
        if rule.floor is False and name in look.floors:
            yield (
                (*path, "floor"),
                "this category is a floor: it cannot be made an ordinary one",
            )
        if is_data(name):
            yield from _data(look, path, name, rule)
        else:
            yield from _tiers(look, path, name, rule)


def _kind(path: Path, name: str, rule: CategoryDocument) -> Iterator[Fault]:
    """Thresholds are of scores, actions of personal data and secrets."""
    layers = {path: rule} | {
        (*path, level): own for level in LEVELS if (own := rule.at(level)) is not None
    }
    for place, layer in layers.items():
        if is_data(name):
            for tier in layer.given():
                yield (*place, tier), "personal data and secrets have an action, no thresholds"
        elif layer.action is not None:
            yield (*place, "action"), "only pii.… and secret have actions; give thresholds"
    if rule.exemplars and (name in KNOWN or is_data(name)):
        yield (
            (*path, "exemplars"),
            "genq knows this category already: learn one of another name",
        )


def _floor(look: _Looked, path: Path, name: str, rule: CategoryDocument) -> Iterator[Fault]:
    if rule.applies_to is not None:
        yield (*path, "applies_to"), "a floor counts everywhere"
    layers = {path: (SafetyLevel.OFF, rule.given())} | {
        (*path, level): (SafetyLevel(level), own.given())
        for level in LEVELS
        if (own := rule.at(level)) is not None
    }
    for place, (level, layer) in layers.items():
        yield from _loosened(place, look.floor(name, level), layer)


def _loosened(
    place: Path, floor: Thresholds, layer: Mapping[str, float | None]
) -> Iterator[Fault]:
    if not any(floor.with_layer(layer).looser_than(floor)):
        return
    for tier, value in layer.items():
        least = getattr(floor, tier)
        if least is not None and (value is None or value > least):
            told = "null (never)" if value is None else f"{value:g}"
            yield (*place, tier), f"{told} is looser than the floor, {least:g}"


def _tiers(look: _Looked, path: Path, name: str, rule: CategoryDocument) -> Iterator[Fault]:
    yield from _order(path, NEVER, rule.given())
    for level in LEVELS:
        own = rule.at(level)
        if own is not None:
            yield from _order((*path, level), NEVER.with_layer(rule.given()), own.given())
    yield from _milder(look.documents, name, path)


def _order(
    place: Path, before: Thresholds, layer: Mapping[str, float | None]
) -> Iterator[Fault]:
    after = before.with_layer(layer)
    for tier, value in layer.items():
        counts = getattr(after, tier)
        if value is not None and counts != value:
            yield (
                (*place, tier),
                f"{value:g} is above what is graver, {counts:g}: flag <= review <= block",
            )


def _milder(documents: Sequence[PolicyDocument], name: str, path: Path) -> Iterator[Fault]:
    """A stricter level is as strict as a laxer one."""
    for strict, lax in pairwise(LEVELS):
        one = own_thresholds(documents, name, SafetyLevel(strict))
        other = own_thresholds(documents, name, SafetyLevel(lax))
        for tier in one.looser_than(other):
            yield (*path, lax, tier), f"level {lax} would {tier} earlier than {strict}"


def _data(look: _Looked, path: Path, name: str, rule: CategoryDocument) -> Iterator[Fault]:
    told = {path: (SafetyLevel.OFF, rule.action)} | {
        (*path, level): (SafetyLevel(level), own.action)
        for level in LEVELS
        if (own := rule.at(level)) is not None
    }
    if look.installation is not None and name in look.floors:
        for place, (level, action) in told.items():
            least = action_at((look.installation,), name, level)
            if action is not None and action.rigour < least.rigour:
                yield (*place, "action"), f"{action} is looser than the floor, {least}"
    for strict, lax in pairwise(LEVELS):
        one, other = rule.action_at(strict), rule.action_at(lax)
        if one is not None and other is not None and one.rigour < other.rigour:
            yield (*path, strict), f"{one} is milder than {other} at level {lax}"


def _detectors(document: PolicyDocument) -> Iterator[Fault]:
    for name in sorted(FLOOR_DETECTORS & document.detectors.keys()):
        rule: DetectorDocument = document.detectors[name]
        if not rule.enabled:
            yield (
                ("detectors", name, "enabled"),
                "it knows the floors: it cannot be switched off",
            )
        if rule.on is not None and not set(Stage) <= set(rule.on):
            yield ("detectors", name, "on"), "it knows the floors: prompt, context and output"


def _sentences(document: PolicyDocument) -> Iterator[Fault]:
    total = sum(len(rule.exemplars or ()) for rule in document.categories.values())
    if total > MOST_EXEMPLARS:
        yield (
            ("categories",),
            f"learn from {total} sentences; all of a policy may have {MOST_EXEMPLARS}",
        )


def _names(look: _Looked) -> Iterator[Fault]:
    document = look.document
    own = {
        name
        for one in look.documents
        for name, rule in one.categories.items()
        if rule.detects or rule.floor
    }
    theirs = frozenset(look.installation.categories if look.installation else ())
    known = KNOWN | own | theirs
    for name in document.categories:
        if name not in known and not is_data(name):
            yield (
                ("categories", name),
                "nothing finds it: no category of genq; give 10 exemplars, or words",
            )
    for detector, names in document.map.items():
        for foreign, name in names.items():
            if name not in known and not is_data(name):
                yield ("map", detector, foreign), f"no category is called {name}"
    for index, name in enumerate(document.review.second_reviewer):
        if name not in known and not is_data(name):
            yield ("review", "second_reviewer", str(index)), f"no category is called {name}"
    steps = document.escalation.actions
    for index, (one, following) in enumerate(pairwise(steps), 1):
        if following.at <= one.at:
            yield (
                ("escalation", "actions", str(index), "at"),
                f"comes after {one.at}: it must be more",
            )
