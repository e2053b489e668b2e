"""Thresholds of a category: from which score on what happens."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from schemas.safety import Action
from schemas.shape import Shape

LOWEST: Final = 0.05
"""The lowest threshold: scores below are noise, and are not kept with a verdict."""

Threshold = Annotated[float, Field(ge=LOWEST, le=1.0, allow_inf_nan=False)]


class ThresholdLayer(Shape):
    """Thresholds as a policy names them: what is not given stays as it was.

    Attributes:
        flag: From here on the job goes on, and is labelled; ``null`` is never. The others
            likewise.
        review: From here on a person decides.
        block: From here on it ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flag: Threshold | None = None
    review: Threshold | None = None
    block: Threshold | None = None

    def given(self) -> Mapping[str, float | None]:
        """Return the thresholds that were written down, in the order of rigour."""
        return {name: getattr(self, name) for name in _TIERS if name in self.model_fields_set}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds that count; ``None`` is never. ``flag <= review <= block`` always holds."""

    flag: float | None = None
    review: float | None = None
    block: float | None = None

    def decide(self, score: float) -> tuple[Action, float | None]:
        """Return what a score leads to, and the threshold that it reached."""
        for action, threshold in (
            (Action.BLOCK, self.block),
            (Action.REVIEW, self.review),
            (Action.FLAG, self.flag),
        ):
            if threshold is not None and score >= threshold:
                return action, threshold
        return Action.ALLOW, None

    def with_layer(self, layer: Mapping[str, float | None]) -> "Thresholds":
        """Return these with what a layer says.

        Where an older threshold contradicts, the stricter reading counts: a milder action
        never needs a higher score than a graver one.
        """
        named = {tier: getattr(self, tier) for tier in _TIERS} | dict(layer)
        return _in_order(named["flag"], named["review"], named["block"])

    def at_least(self, other: "Thresholds") -> "Thresholds":
        """Return thresholds that are as strict as both: of each action the lower score."""
        return _in_order(
            *(_lower(getattr(self, tier), getattr(other, tier)) for tier in _TIERS)
        )

    def looser_than(self, other: "Thresholds") -> Iterator[str]:
        """Yield the names of thresholds from which on ``other`` is stricter."""
        for index, tier in enumerate(_TIERS):
            mine = _lowest(getattr(self, name) for name in _TIERS[index:])
            theirs = _lowest(getattr(other, name) for name in _TIERS[index:])
            if mine > theirs:
                yield tier


NEVER: Final = Thresholds()
_TIERS: Final = tuple(field.name for field in fields(Thresholds))
_BEYOND: Final = 2.0


def _in_order(flag: float | None, review: float | None, block: float | None) -> Thresholds:
    # A threshold that lies above a graver one could never be what decides: it gives way.
    held = _lower(review, block) if review is not None else None
    lowest = _lower(held, block)
    return Thresholds(_lower(flag, lowest) if flag is not None else None, held, block)


def _lower(one: float | None, other: float | None) -> float | None:
    given = [value for value in (one, other) if value is not None]
    return min(given, default=None)


def _lowest(values: Iterator[float | None]) -> float:
    return min((value for value in values if value is not None), default=_BEYOND)
