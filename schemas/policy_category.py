"""What a policy says of one category."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from schemas.policy_thresholds import ThresholdLayer

FEWEST_EXEMPLARS: Final = 10
_MOST_EXEMPLARS: Final = 500
_MOST_WORDS: Final = 5_000

_SECRETS: Final = "secret"
_PERSONAL: Final = "pii."
LEVELS: Final = ("strict", "standard", "relaxed")
"""The levels that a policy may tell apart, the strictest first."""


class DataAction(StrEnum):
    """What happens with personal data and secrets. Order of declaration is order of rigour."""

    ALLOW = "allow"
    FLAG = "flag"
    REDACT = "redact"
    BLOCK = "block"

    @property
    def rigour(self) -> int:
        """A number that grows with rigour."""
        return tuple(DataAction).index(self)


def _action_alone(value: Any) -> Any:
    return {"action": value} if isinstance(value, str) else value


class LevelRule(ThresholdLayer):
    """What counts at one level instead; of personal data and secrets the action."""

    action: DataAction | None = None


_LevelRule = Annotated[LevelRule, BeforeValidator(_action_alone)]
_Sentence = Annotated[
    str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")
]
_Word = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")
]
_Exemplars = Annotated[
    tuple[_Sentence, ...], Field(min_length=FEWEST_EXEMPLARS, max_length=_MOST_EXEMPLARS)
]


class CategoryDocument(LevelRule):
    """What a policy says of one category; what it does not say stays as the level has it.

    Attributes:
        floor: No tenant's policy loosens it, and it counts at every level.
        strict: What counts at this level instead; the others likewise.
        incident: Each block is an incident of this kind for the operator.
        help_text: Which words of help go with the reason.
        applies_to: Where it counts: ``variables`` are the parts of a prompt that are not the
            tenant's own template. Without it: everywhere.
        exemplars: Sentences that this category of the tenant's own is learnt from.
        words: Words and phrases that belong to it, whatever surrounds them.
    """

    floor: bool | None = None
    strict: _LevelRule | None = None
    standard: _LevelRule | None = None
    relaxed: _LevelRule | None = None
    incident: Literal["csam"] | None = None
    help_text: Literal["crisis_resources"] | None = None
    applies_to: tuple[Literal["prompt", "variables", "context", "output"], ...] | None = None
    exemplars: _Exemplars | None = None
    words: Annotated[tuple[_Word, ...], Field(max_length=_MOST_WORDS)] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.applies_to is not None and not self.applies_to:
            raise ValueError("applies_to names nothing: leave it out, or name where it counts")
        return self

    @property
    def detects(self) -> bool:
        """Whether it brings its own way to be found."""
        return bool(self.exemplars or self.words)

    def at(self, level: str) -> LevelRule | None:
        """Return what it says of one level."""
        return getattr(self, level) if level in LEVELS else None

    def action_at(self, level: str) -> DataAction | None:
        """Return what it does with personal data at a level, if it says so."""
        own = self.at(level)
        return (own.action if own else None) or self.action


def is_data(category: str) -> bool:
    """Tell whether a category is one of personal data or secrets: those have actions."""
    return category == _SECRETS or category.startswith(_PERSONAL)
