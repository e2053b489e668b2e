"""``POST /v1/moderations``: OpenAI's shape, and what genq's own verdict says beside it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from schemas.job_safety import SafetyPolicyView, SafetyReasonView
from schemas.safety import (
    SEXUAL_MINORS,
    UNDRESS_REAL_PERSON,
    WEAPONS_MASS_HARM,
    Action,
    Verdict,
)
from schemas.shape import Shape
from schemas.verdict_json import verdict_facts

MOST_INPUTS: Final = 100
_STRICT = ConfigDict(extra="forbid", frozen=True)


class TextPart(Shape):
    """A text among several parts."""

    model_config = _STRICT

    type: Literal["text"]
    text: str


class PictureUrl(Shape):
    """Where a picture is: in the URL itself."""

    model_config = _STRICT

    url: Annotated[str, Field(pattern=r"^data:image/")]


class PicturePart(Shape):
    """A picture among several parts, as a ``data:`` URL: genq fetches nothing."""

    model_config = _STRICT

    type: Literal["image_url"]
    image_url: PictureUrl


ModerationPart = Annotated[TextPart | PicturePart, Field(discriminator="type")]


class ModerationRequest(Shape):
    """What is to be judged: one text, several, or one subject of several parts.

    ``model`` is taken and not read: what judges is what the tenant's policy says.
    """

    model_config = _STRICT

    input: (
        str
        | Annotated[list[str], Field(min_length=1, max_length=MOST_INPUTS)]
        | Annotated[list[ModerationPart], Field(min_length=1, max_length=MOST_INPUTS)]
    )
    model: Annotated[str, Field(max_length=128)] | None = None


class ModerationVerdictView(Shape):
    """genq's own verdict, by the tenant's policy."""

    verdict: str
    is_safe: bool
    violations: list[str]
    confidence: float
    categories: dict[str, float]
    reasons: list[SafetyReasonView]
    policy: SafetyPolicyView
    coverage: str


class ModerationResultView(Shape):
    """The result of one input. ``flagged``: a category is, or the verdict is graver."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]
    genq: ModerationVerdictView


class ModerationView(Shape):
    """The answer: one result per input, in their order."""

    id: str
    model: str
    results: list[ModerationResultView]


_BOTH: Final = "violence"
# Which of our categories each of OpenAI's is; of several the highest score counts.
_OURS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "harassment": ("harassment",),
        "harassment/threatening": ("harassment",),
        "hate": ("hate",),
        "hate/threatening": ("hate",),
        "illicit": ("illicit", "fraud", "malware", "weapons", WEAPONS_MASS_HARM),
        "illicit/violent": ("weapons", WEAPONS_MASS_HARM),
        "self-harm": ("self_harm",),
        "self-harm/intent": (),
        "self-harm/instructions": (),
        "sexual": ("sexual", UNDRESS_REAL_PERSON),
        "sexual/minors": (SEXUAL_MINORS,),
        "violence": (_BOTH,),
        "violence/graphic": (),
    }
)
_THREATS: Final = frozenset({"harassment/threatening", "hate/threatening"})
_IN_PICTURES: Final = frozenset(
    {
        "self-harm",
        "self-harm/intent",
        "self-harm/instructions",
        "sexual",
        "violence",
        "violence/graphic",
    }
)
_SHOWN: Final = (
    "verdict",
    "is_safe",
    "violations",
    "confidence",
    "categories",
    "reasons",
    "policy",
    "coverage",
)


def moderation_result(verdict: Verdict, *, text: bool, pictures: bool) -> dict[str, Any]:
    """Return one entry of ``results``.

    What genq does not tell apart, such as an intent to harm oneself, scores 0 under its own
    name and counts under that of the whole.

    Args:
        verdict: Of the input.
        text: Whether it has words.
        pictures: Whether it has pictures that somebody could look at.
    """
    named = {reason.category for reason in verdict.reasons}
    flags = {key: _is_named(key, named) for key in _OURS}
    facts = verdict_facts(verdict)
    return {
        "flagged": any(flags.values()) or verdict.action >= Action.REVIEW,
        "categories": flags,
        "category_scores": {key: _score(key, verdict.categories) for key in _OURS},
        "category_applied_input_types": {
            key: _applied(key, text=text, pictures=pictures) for key in _OURS
        },
        "genq": {name: facts[name] for name in _SHOWN},
    }


def _is_named(key: str, named: set[str]) -> bool:
    found = any(category in named for category in _OURS[key])
    return found and (key not in _THREATS or _BOTH in named)


def _score(key: str, scores: Mapping[str, float]) -> float:
    found = max((scores.get(category, 0.0) for category in _OURS[key]), default=0.0)
    # A threat is both.
    return min(found, scores.get(_BOTH, 0.0)) if key in _THREATS else found


def _applied(key: str, *, text: bool, pictures: bool) -> list[str]:
    return [
        *(["text"] if text else []),
        *(["image"] if pictures and key in _IN_PICTURES else []),
    ]
