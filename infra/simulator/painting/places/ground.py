"""What every place returns, and the colours of soil that they share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import hexa

GRASS: Final = (hexa("#4f8a48"), hexa("#5f9a4a"), hexa("#3f7d56"), hexa("#7a9a48"))
ROCK: Final = (hexa("#5a6480"), hexa("#6b6478"), hexa("#4d6a78"), hexa("#7a6a68"))
SAND: Final = (hexa("#e2b36a"), hexa("#d99458"), hexa("#e8c48c"), hexa("#cf8452"))
LEAF: Final = (hexa("#2f6a48"), hexa("#3d7a48"), hexa("#2a5c52"))


@dataclass(frozen=True, slots=True)
class Ground:
    """Where things can be.

    Attributes:
        line: What things stand on, from left to right.
        water: The y at which things float.
        reach: The x range of a headland that must be drawn before anything stands on it;
            None where the ground is everywhere.
        surface: Whether ``water`` is a surface that cuts and mirrors what floats.
    """

    line: Sequence[Point]
    water: float
    reach: Point | None = None
    surface: bool = True
