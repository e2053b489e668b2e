"""What safety checks look at, find and decide: the words that every part of them shares.

A ``Subject`` is judged by detectors, which return ``Finding``s; a policy makes one ``Verdict``
of them. Scores are between 0 and 1; spans are offsets of characters in the subject's own text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Final
from uuid import UUID


class Stage(StrEnum):
    """When something is judged."""

    PROMPT = "prompt"
    CONTEXT = "context"
    OUTPUT = "output"


class Medium(StrEnum):
    """What is judged."""

    TEXT = "text"
    IMAGE = "image"


class Action(IntEnum):
    """What a verdict says is to happen, in the order of rigour; as PostgreSQL stores it."""

    ALLOW = 0
    FLAG = 1
    REVIEW = 2
    BLOCK = 3

    @property
    def word(self) -> str:
        """The action as callers see it."""
        return self.name.lower()


class Coverage(StrEnum):
    """How much of a subject was understood by those who judged it."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


SEXUAL_MINORS: Final = "sexual_minors"
UNDRESS_REAL_PERSON: Final = "undress_real_person"
WEAPONS_MASS_HARM: Final = "weapons_mass_harm"

FLOORS: Final = (SEXUAL_MINORS, UNDRESS_REAL_PERSON, WEAPONS_MASS_HARM)
"""Categories that no policy can loosen, and no level can switch off."""

CATEGORIES: Final = (
    *FLOORS,
    "sexual",
    "hate",
    "harassment",
    "violence",
    "self_harm",
    "illicit",
    "weapons",
    "malware",
    "fraud",
    "privacy",
    "injection",
    "deception",
)
"""What the classifier that comes with genq tells apart; tenants add their own."""

OTHER: Final = "other"
"""What a remote detector found that no policy names."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) of a subject's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to judge: its bytes, and what its sender says they are.

    Attributes:
        given: SHA-256 of what came, where ``data`` is that written anew, as a model sees it.
    """

    data: bytes = field(repr=False)
    media_type: str | None = None
    given: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged.

    Attributes:
        text: Of a text; of a picture the prompt that it was made for, if that is known.
        picture: Of a picture.
        tenant_id: Whose policy counts.
        end_user: Who of the tenant's people asked.
        trusted: Parts of ``text`` that the tenant itself wrote, such as a template: they are
            not searched for attempts to override it.
        negative: What a model is to stay away from: it may name what may not be asked for, so
            that only what is never made, personal data and secrets are looked for in it.
        exact: All of the text as it came, where ``text`` is a part of it, or leaves marks out.
    """

    stage: Stage
    medium: Medium
    tenant_id: int
    text: str = field(default="", repr=False)
    picture: Picture | None = None
    end_user: str | None = None
    job_id: UUID | None = None
    trusted: Sequence[Span] = ()
    negative: bool = False
    exact: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one detector found.

    Attributes:
        detector: Its name, such as ``ToxicityFilter``.
        version: Of the detector, its model or its list.
        category: One of ``CATEGORIES``, ``pii.…``, ``secret``, ``evasion`` or a tenant's own.
        score: How sure, 0 to 1.
        spans: Where, if the detector knows.
        coverage: How much of the subject it could read.
        evidence: JSON for the record, without any of the subject's text.
    """

    detector: str
    version: str
    category: str
    score: float
    spans: Sequence[Span] = ()
    coverage: Coverage = Coverage.FULL
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """That a detector ran, or why not.

    Attributes:
        note: ``None``: it ran. Else why not: ``skipped``, ``timeout``, ``failed``, ``open``.
        milliseconds: How long it took.
    """

    detector: str
    version: str
    note: str | None = None
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is: the rule of the policy, and what triggered it.

    Attributes:
        rule: A path into the policy: ``categories.violence``, ``limits.prompt_chars``.
        score: What was found.
        threshold: What it was held against; ``None`` where the rule has none.
        text: One sentence for the person who asked.
    """

    rule: str
    category: str
    action: Action
    detector: str
    score: float
    threshold: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Redaction:
    """A part of the text that is replaced before a model sees it."""

    span: Span
    category: str
    replacement: str


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """Which policy decided: names, versions, and the digest of what counted in the end."""

    name: str
    version: int
    digest: str
    level: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to happen to a subject, and why.

    Attributes:
        categories: The highest score of each category that scored at all.
        confidence: How sure the verdict is: the highest score that led to the action; of an
            ``ALLOW`` one minus the highest score.
        input_digest: SHA-256 of what was judged, in hex.
        milliseconds: From the first detector to the decision; no part of what is decided.
    """

    action: Action
    categories: Mapping[str, float]
    reasons: Sequence[Reason]
    redactions: Sequence[Redaction]
    coverage: Coverage
    confidence: float
    policy: PolicyRef
    detectors: Sequence[DetectorRun]
    input_digest: str
    milliseconds: float = 0.0

    @property
    def is_safe(self) -> bool:
        """Whether the subject goes on without anybody's leave."""
        return self.action <= Action.FLAG

    @property
    def violations(self) -> Sequence[str]:
        """The categories that led to more than ``ALLOW``, each once, the gravest first."""
        grave = sorted(self.reasons, key=lambda reason: (-reason.action, -reason.score))
        return tuple(dict.fromkeys(reason.category for reason in grave))
