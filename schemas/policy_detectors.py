"""What a policy says of the detectors: which run, on what, and what their failures mean."""

import difflib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from schemas.safety import Action, Stage
from schemas.shape import Shape

DETECTORS: Final = (
    "FloorDetector",
    "HashListDetector",
    "PersonalDataFilter",
    "SecretsDetector",
    "MaliciousCodeFilter",
    "InjectionDetector",
    "InjectionDetector",
    "ProfanityFilter",
    "WordLists",
    "ToxicityFilter",
    "MiniLM",
    "OpenAIModeration",
)
"""Those that come with genq."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "local.static": "ToxicityFilter",
        "local.minilm": "MiniLM",
        "local.pii": "PersonalDataFilter",
        "local.secrets": "SecretsDetector",
        "local.code": "MaliciousCodeFilter",
        "local.hashlist": "HashListDetector",
        "openai.omni": "OpenAIModeration",
    }
)
"""Other names under which documents know them."""

_BAND: Final = re.compile(r"\s*(0?\.\d+|[01])\s*<\s*max_score\s*<\s*(0?\.\d+|1(?:\.0)?)\s*")


class OnError(Shape):
    """What it means that a remote detector did not answer, by level."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strict: Literal["local_only", "review", "block"] = "review"
    standard: Literal["local_only", "review", "block"] = "local_only"
    relaxed: Literal["local_only", "review", "block"] = "local_only"

    def at(self, level: str) -> Action:
        """Return what follows at a level; where nothing local is wrong, ``ALLOW``."""
        return ON_ERROR[getattr(self, level, "local_only")]


ON_ERROR: Final[Mapping[str, Action]] = MappingProxyType(
    {"local_only": Action.ALLOW, "review": Action.REVIEW, "block": Action.BLOCK}
)


class DetectorDocument(Shape):
    """What a policy says of one detector.

    Attributes:
        enabled: Whether it runs.
        on: The stages it runs at; without it: all that it knows.
        when: Only where the scores so far leave doubt: ``0.25 < max_score < 0.8``.
        timeout_s: How long a remote one may take, in seconds.
        on_error: What it means that it did not answer.
        lists: Which lists of fingerprints count; ``tenant`` are the tenant's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    on: tuple[Stage, ...] | None = None
    when: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 5
    on_error: OnError = OnError()
    lists: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = ("tenant",)

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.when is not None and self.band is None:
            raise ValueError("when must read like: 0.25 < max_score < 0.8")
        return self

    @property
    def band(self) -> tuple[float, float] | None:
        """Between which scores it runs, both exclusive; ``None`` is always."""
        match = _BAND.fullmatch(self.when) if self.when else None
        return (float(match[1]), float(match[2])) if match else None


def _by_their_names(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    told = cast("Mapping[Any, Any]", value)
    named = {ALIASES.get(name, name): rule for name, rule in told.items()}
    if len(named) < len(told):
        raise ValueError("one detector stands here twice, under two of its names")
    return named


def _known(name: str) -> str:
    if name not in DETECTORS:
        close = difflib.get_close_matches(name, DETECTORS, n=1)
        meant = f"did you mean {close[0]}?" if close else f"known: {', '.join(DETECTORS)}"
        raise ValueError(f"no detector is called so; {meant}")
    return name


DetectorName = Annotated[str, AfterValidator(_known)]
_Foreign = Annotated[str, Field(min_length=1, max_length=100)]
_Ours = Annotated[str, Field(min_length=1, max_length=60)]

Detectors = Annotated[Mapping[DetectorName, DetectorDocument], BeforeValidator(_by_their_names)]

RemoteCategories = Annotated[
    Mapping[DetectorName, Mapping[_Foreign, _Ours]], BeforeValidator(_by_their_names)
]
"""Of each remote detector: its names of categories, ``*`` at the end for all that begin so."""
