"""A policy as it counts: the installation's document, a tenant's override and a level."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from schemas.policy_category import CategoryDocument, DataAction, is_data
from schemas.policy_detectors import DetectorDocument
from schemas.policy_document import PolicyDocument, canonical
from schemas.policy_duties import Escalation, Marking, Retention, Reviewing
from schemas.policy_floors import FLOOR_DETECTORS
from schemas.policy_limits import Limits
from schemas.policy_sections import detectors_of, limits_of, retention_of, review_of
from schemas.policy_thresholds import NEVER, Thresholds
from schemas.policy_tiers import action_at, floors_of, thresholds_at
from schemas.safety import OTHER, Action, PolicyRef, Stage
from schemas.tenant_plan import SafetyLevel

# Another number whenever the same documents come to mean something else.
_MEANING: Final = 1


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """What counts for one category.

    Attributes:
        action: Of personal data and secrets: what happens with them. ``None`` of all others,
            which have thresholds.
        applies_to: The stages at which it counts; ``None`` is all.
    """

    name: str
    thresholds: Thresholds = NEVER
    action: DataAction | None = None
    floor: bool = False
    incident: str | None = None
    help_text: str | None = None
    applies_to: frozenset[Stage] | None = None


@dataclass(frozen=True, slots=True)
class Sentences:
    """What a tenant's own category is learnt from."""

    exemplars: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What decides, for one tenant at one level. Immutable; equal digests decide alike.

    Attributes:
        rules: By category; ``rule`` knows the others too.
        learnt: The tenant's own categories, by name.
        words: Words and phrases that belong to a category, by its name.
        partial_coverage: What follows where not everything was understood.
        learnt_digest: Changes when ``learnt`` does: what was compiled from it is kept by this.
    """

    name: str
    version: int
    level: SafetyLevel
    digest: str
    rules: Mapping[str, CategoryRule]
    otherwise: Thresholds
    data_otherwise: DataAction
    limits: Limits
    detectors: Mapping[str, DetectorDocument]
    remote: Mapping[str, Mapping[str, str]]
    partial_coverage: Action
    learnt: Mapping[str, Sentences]
    learnt_digest: str
    words: Mapping[str, tuple[str, ...]]
    escalation: Escalation
    review: Reviewing
    retention: Retention
    marking: Marking
    ref: PolicyRef = field(init=False)

    def __post_init__(self) -> None:
        """Say it once how verdicts name it."""
        ref = PolicyRef(self.name, self.version, self.digest, self.level.value)
        object.__setattr__(self, "ref", ref)

    def rule(self, category: str) -> CategoryRule:
        """Return what counts for a category, known or not."""
        known = self.rules.get(category)
        if known is not None:
            return known
        if is_data(category):
            return CategoryRule(category, action=self.data_otherwise)
        return CategoryRule(category, self.otherwise)

    def runs(self, detector: str, stage: Stage) -> bool:
        """Tell whether a detector looks at what is judged at a stage."""
        if detector in FLOOR_DETECTORS:
            return True
        rule = self.detector(detector)
        on = self.level is not SafetyLevel.OFF and rule.enabled
        return on and (rule.on is None or stage in rule.on)

    def detector(self, name: str) -> DetectorDocument:
        """Return what the policy says of a detector."""
        return self.detectors.get(name, _ORDINARY)

    def seconds_of(self, detector: str) -> float:
        """Return how long a remote detector may take."""
        return self.detector(detector).timeout_s

    def on_error(self, detector: str) -> Action:
        """Return what follows when a remote detector did not answer."""
        return self.detector(detector).on_error.at(self.level.value)

    def category_of(self, detector: str, foreign: str) -> str:
        """Return what a remote detector's category is called here, ``other`` if nothing."""
        names = self.remote.get(detector, {})
        if foreign in names:
            return names[foreign]
        # Of several that end in a star the longest says most.
        for pattern in sorted(names, key=lambda name: (-len(name), name)):
            if pattern.endswith("*") and foreign.startswith(pattern[:-1]):
                return names[pattern]
        return OTHER

    def on_timeout(self, category: str) -> Action:
        """Return what becomes of something held that nobody decided in time."""
        if self.rule(category).floor or self.review.on_timeout == "block":
            return Action.BLOCK
        return Action.ALLOW


_ORDINARY: Final = DetectorDocument()


def resolve(
    installation: PolicyDocument, tenant: PolicyDocument | None, level: SafetyLevel
) -> Policy:
    """Return what counts for a tenant at a level.

    It never fails: what a tenant's document says against a floor, or against the installation
    as it is by now, is read the strict way. A stricter level never has a milder policy.
    """
    documents = (installation,) if tenant is None else (installation, tenant)
    own = documents[-1]
    digests = [_MEANING, level.value, *(document.digest().hex() for document in documents)]
    learnt = _learnt(documents)
    return Policy(
        name=own.policy,
        version=own.version,
        level=level,
        digest=hashlib.sha256(canonical(digests)).hexdigest(),
        rules=MappingProxyType(_rules(documents, level)),
        otherwise=thresholds_at(documents, OTHER, level),
        data_otherwise=DataAction.ALLOW if level is SafetyLevel.OFF else DataAction.FLAG,
        limits=limits_of(documents),
        detectors=MappingProxyType(detectors_of(documents)),
        remote=installation.map,
        partial_coverage=_partial(own, level),
        learnt=MappingProxyType(learnt),
        learnt_digest=_learnt_digest(learnt),
        words=MappingProxyType(_words(documents)),
        escalation=installation.escalation,
        review=review_of(documents),
        retention=retention_of(documents),
        marking=own.provenance if tenant is None else _marking(installation, own),
    )


def _categories(documents: tuple[PolicyDocument, ...]) -> list[tuple[str, CategoryDocument]]:
    return [rule for document in documents for rule in document.categories.items()]


def _learnt(documents: tuple[PolicyDocument, ...]) -> dict[str, Sentences]:
    # A tenant's own sentences take the place of the installation's.
    return {
        name: Sentences(rule.exemplars)
        for name, rule in _categories(documents)
        if rule.exemplars
    }


def _words(documents: tuple[PolicyDocument, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, rule in _categories(documents):
        if rule.words:
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *rule.words)))
    return found


def _rules(
    documents: tuple[PolicyDocument, ...], level: SafetyLevel
) -> dict[str, CategoryRule]:
    floors = floors_of(documents[0])
    names = sorted({*floors, *(name for name, _ in _categories(documents))})
    return {name: _rule(documents, name, level, floor=name in floors) for name in names}


def _rule(
    documents: tuple[PolicyDocument, ...], name: str, level: SafetyLevel, *, floor: bool
) -> CategoryRule:
    told = [document.categories[name] for document in documents if name in document.categories]
    stages = [rule.applies_to for rule in told if rule.applies_to is not None]
    return CategoryRule(
        name,
        NEVER if is_data(name) else thresholds_at(documents, name, level),
        action_at(documents, name, level) if is_data(name) else None,
        floor,
        next((rule.incident for rule in told if rule.incident), None),
        next((rule.help_text for rule in reversed(told) if rule.help_text), None),
        None if floor or not stages else _stages(stages[-1]),
    )


def _stages(applies_to: tuple[str, ...]) -> frozenset[Stage]:
    # Which part of a prompt is a variable, its detectors know: they leave out what is trusted.
    return frozenset(
        Stage.PROMPT if name == "variables" else Stage(name) for name in applies_to
    )


def _partial(document: PolicyDocument, level: SafetyLevel) -> Action:
    if level is SafetyLevel.OFF:
        return Action.ALLOW
    return Action[getattr(document.partial_coverage, level.value).upper()]


def _marking(installation: PolicyDocument, tenant: PolicyDocument) -> Marking:
    if "visible_label" not in tenant.provenance.model_fields_set:
        return installation.provenance
    label = tenant.provenance.visible_label
    return installation.provenance.model_copy(update={"visible_label": label})


def _learnt_digest(learnt: Mapping[str, Sentences]) -> str:
    facts = {name: rule.exemplars for name, rule in learnt.items()}
    return hashlib.sha256(canonical(facts)).hexdigest()
