"""Colours as (red, green, blue): mixing that stays fresh, light, and the words people use."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

Colour = tuple[int, int, int]

# Where sRGB's curve bends, as a value of the curve and as a linear one.
_LINEAR_UP_TO: Final = 0.04045
_BEND: Final = 0.0031308
_LINEAR: Final = tuple(
    v / 255 / 12.92 if v <= _LINEAR_UP_TO * 255 else ((v / 255 + 0.055) / 1.055) ** 2.4
    for v in range(256)
)


@lru_cache(maxsize=1024)
def hexa(text: str) -> Colour:
    """Return the colour written as ``#rrggbb``."""
    red, green, blue = bytes.fromhex(text.lstrip("#"))
    return red, green, blue


@lru_cache(maxsize=4096)
def _oklab(colour: Colour) -> tuple[float, float, float]:
    red, green, blue = (_LINEAR[part] for part in colour)
    long = (0.4122215 * red + 0.5363325 * green + 0.0514460 * blue) ** (1 / 3)
    medium = (0.2119035 * red + 0.6806995 * green + 0.1073970 * blue) ** (1 / 3)
    short = (0.0883025 * red + 0.2817188 * green + 0.6299787 * blue) ** (1 / 3)
    return (
        0.2104543 * long + 0.7936178 * medium - 0.0040720 * short,
        1.9779985 * long - 2.4285922 * medium + 0.4505937 * short,
        0.0259040 * long + 0.7827718 * medium - 0.8086758 * short,
    )


def _from_oklab(light: float, green_red: float, blue_yellow: float) -> Colour:
    long = (light + 0.3963378 * green_red + 0.2158038 * blue_yellow) ** 3
    medium = (light - 0.1055613 * green_red - 0.0638542 * blue_yellow) ** 3
    short = (light - 0.0894842 * green_red - 1.2914855 * blue_yellow) ** 3
    return (
        _gamma(4.0767417 * long - 3.3077116 * medium + 0.2309699 * short),
        _gamma(-1.2684380 * long + 2.6097574 * medium - 0.3413194 * short),
        _gamma(-0.0041961 * long - 0.7034186 * medium + 1.7076147 * short),
    )


def _gamma(linear: float) -> int:
    if linear <= _BEND:
        return max(0, round(255 * 12.92 * linear))
    return min(255, round(255 * (1.055 * linear ** (1 / 2.4) - 0.055)))


@lru_cache(maxsize=8192)
def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return ``first`` with ``share`` (0 to 1) of ``second``, even to the eye (OKLab)."""
    one, two = _oklab(first), _oklab(second)
    light, green_red, blue_yellow = (a + (b - a) * share for a, b in zip(one, two, strict=True))
    return _from_oklab(light, green_red, blue_yellow)


def multiply(first: Colour, second: Colour) -> Colour:
    """Return ``first`` under a light of colour ``second``."""
    return (
        first[0] * second[0] // 255,
        first[1] * second[1] // 255,
        first[2] * second[2] // 255,
    )


def lighter(colour: Colour, share: float) -> Colour:
    """Return ``colour`` moved towards white."""
    return mix(colour, (255, 255, 255), share)


def darker(colour: Colour, share: float) -> Colour:
    """Return ``colour`` moved towards a deep blue, which looks less dead than black."""
    return mix(colour, (14, 16, 38), share)


def ramp(stops: Sequence[Colour], steps: int) -> bytes:
    """Return ``steps`` RGB triples that run evenly through ``stops``."""
    out = bytearray()
    for step in range(steps):
        place = step / max(1, steps - 1) * (len(stops) - 1)
        index = min(int(place), len(stops) - 2)
        out += bytes(mix(stops[index], stops[index + 1], round(place - index, 4)))
    return bytes(out)


COLOUR_WORDS: Final[Mapping[str, Colour]] = MappingProxyType(
    {
        "red": hexa("#e02b2b"),
        "crimson": hexa("#c2183c"),
        "scarlet": hexa("#ec2f1f"),
        "orange": hexa("#f5821f"),
        "amber": hexa("#f7a81b"),
        "yellow": hexa("#f9d22b"),
        "golden": hexa("#efb42a"),
        "gold": hexa("#efb42a"),
        "green": hexa("#2ea84f"),
        "emerald": hexa("#12a06b"),
        "lime": hexa("#8fd32f"),
        "mint": hexa("#7fdcb5"),
        "teal": hexa("#118f92"),
        "turquoise": hexa("#2fc6c0"),
        "cyan": hexa("#25c5e8"),
        "blue": hexa("#2468dc"),
        "navy": hexa("#1c2f78"),
        "indigo": hexa("#4636b8"),
        "purple": hexa("#8136c4"),
        "violet": hexa("#8f4fe0"),
        "lavender": hexa("#b59ae8"),
        "magenta": hexa("#d52ba5"),
        "pink": hexa("#f26fa7"),
        "rosy": hexa("#ee8aa0"),
        "brown": hexa("#80522e"),
        "white": hexa("#f6f4ee"),
        "silver": hexa("#bcc4cf"),
        "grey": hexa("#8a9099"),
        "gray": hexa("#8a9099"),
        "black": hexa("#23232b"),
    }
)
