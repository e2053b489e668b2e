"""The list of subjects: how each is drawn, coloured and sized, and where it is at home."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Final

from infra.simulator.painting.colour import Colour, hexa
from infra.simulator.painting.subjects import (
    animals,
    buildings,
    flying,
    growing,
    things,
    vessels,
)
from infra.simulator.painting.subjects.pen import Pen, Tones


class Stance(StrEnum):
    """How a subject is held up."""

    STAND = "stand"
    FLOAT = "float"
    FLY = "fly"


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that pictures can show.

    Attributes:
        draw: Draws it with a pen.
        colours: Its usual colours, each with its second colour; chance picks a pair.
        stance: Whether it stands, floats or flies.
        size: Its height as a share of the picture's shorter side.
        places: Where it is painted when the prompt names no place.
        depth: How far its foot is under the ground or water line, as a share of its size.
    """

    draw: Callable[[Pen, Tones, Random], None]
    colours: tuple[tuple[Colour, Colour], ...]
    stance: Stance
    size: float
    places: tuple[str, ...]
    depth: float = 0.0


def _subject(  # noqa: PLR0917 - one row of the table below
    draw: Callable[[Pen, Tones, Random], None],
    colours: str,
    stance: Stance,
    size: float,
    places: str,
    depth: float = 0.0,
) -> Subject:
    pairs = [pair.split("/") for pair in colours.split()]
    return Subject(
        draw,
        tuple((hexa(a), hexa(b)) for a, b in pairs),
        stance,
        size,
        tuple(places.split()),
        depth,
    )


_BRIGHT: Final = (
    "#e23d33/#ffd05a #2f7fd0/#f7f2e4 #f0922b/#3b4a8c #8a4fc0/#ffd98a #159a86/#fbe9c0"
)
_STAND, _FLOAT, _FLY = Stance.STAND, Stance.FLOAT, Stance.FLY

CAST: Final[Mapping[str, Subject]] = MappingProxyType(
    {
        "kite": _subject(flying.kite, _BRIGHT, _FLY, 0.42, "sea beach meadow"),
        "balloon": _subject(
            flying.balloon, _BRIGHT, _FLY, 0.44, "meadow mountains desert lake"
        ),
        "rocket": _subject(
            flying.rocket,
            "#d8392f/#8fd6f2 #2f6fd0/#bfe8f7 #f08a2b/#8fd6f2",
            _FLY,
            0.46,
            "space space mountains desert",
        ),
        "aeroplane": _subject(flying.aeroplane, _BRIGHT, _FLY, 0.34, "mountains sea meadow"),
        "gull": _subject(flying.gull, "#b9c3cf/#f4f1e8", _FLY, 0.3, "sea beach"),
        "butterfly": _subject(flying.butterfly, _BRIGHT, _FLY, 0.34, "garden meadow"),
        "dragon": _subject(
            flying.dragon,
            "#b8322c/#f0c070 #2f8a5a/#e8d890 #5a4a9c/#c8a0e0",
            _FLY,
            0.5,
            "mountains lake",
        ),
        "fox": _subject(animals.fox, "#e0722c/#f6efe2", _STAND, 0.42, "forest snow meadow"),
        "wolf": _subject(animals.fox, "#7f8794/#f0f0ee", _STAND, 0.46, "snow forest mountains"),
        "cat": _subject(
            animals.cat,
            "#4a4a58/#e8e4dc #d98a3f/#f8e8cf #a9a4a0/#f4f2ee",
            _STAND,
            0.4,
            "meadow village garden",
        ),
        "dog": _subject(
            animals.dog, "#b9814d/#d8392f #6b5240/#2f7fd0", _STAND, 0.36, "meadow beach garden"
        ),
        "rabbit": _subject(
            animals.rabbit, "#b89f88/#f4eee6", _STAND, 0.36, "meadow garden forest"
        ),
        "owl": _subject(animals.owl, "#8a6748/#e8d0a4", _STAND, 0.38, "forest snow"),
        "bear": _subject(
            animals.bear, "#6e4a34/#c9a27c", _STAND, 0.42, "forest mountains lake"
        ),
        "deer": _subject(
            animals.deer, "#a8703f/#e6d2b0", _STAND, 0.46, "forest meadow mountains"
        ),
        "penguin": _subject(animals.penguin, "#2b3446/#e23d33", _STAND, 0.38, "snow"),
        "whale": _subject(
            animals.whale, "#3b6fa0/#cfe0ea", _FLOAT, 0.42, "sea underwater", 0.3
        ),
        "fish": _subject(
            animals.fish,
            "#f5821f/#fdf2dc #2f7fd0/#ffd05a #e23d6a/#fbe4d0",
            _FLOAT,
            0.3,
            "underwater",
        ),
        "elephant": _subject(
            animals.elephant, "#8d95a3/#e8c07a", _STAND, 0.42, "desert meadow"
        ),
        "house": _subject(
            buildings.house,
            "#efe0c2/#b5493a #d8c3a0/#4d5f7c #f2ead8/#8a4a3a",
            _STAND,
            0.38,
            "meadow village mountains lake",
        ),
        "lighthouse": _subject(
            buildings.lighthouse, "#d63a31/#d6ecf2 #2b5fa8/#e4f0ea", _STAND, 0.6, "sea", 0.02
        ),
        "castle": _subject(
            buildings.castle,
            "#cfc3b0/#4a5f9c #b8b4ba/#a8433c #d8c4b4/#5a7a6a",
            _STAND,
            0.5,
            "mountains lake meadow",
        ),
        "windmill": _subject(
            buildings.windmill, "#b5493a/#efe4cc #4d6a8c/#f2e8d4", _STAND, 0.5, "garden meadow"
        ),
        "tent": _subject(buildings.tent, _BRIGHT, _STAND, 0.3, "mountains lake forest"),
        "barn": _subject(buildings.barn, "#b83a30/#5d4a48", _STAND, 0.36, "meadow garden"),
        "bridge": _subject(buildings.bridge, "#d24a35/#f2e8d4", _FLOAT, 0.7, "sea lake", 0.1),
        "boat": _subject(
            vessels.boat,
            "#f4ecdc/#e25a44 #f6efe2/#3f7fb8 #f7e3b8/#c8503c",
            _FLOAT,
            0.42,
            "sea lake",
            0.08,
        ),
        "ship": _subject(vessels.ship, "#c93a33/#f4ecdc", _FLOAT, 0.4, "sea", 0.1),
        "car": _subject(vessels.car, _BRIGHT, _STAND, 0.32, "desert mountains city"),
        "bicycle": _subject(vessels.bicycle, _BRIGHT, _STAND, 0.32, "meadow city beach"),
        "train": _subject(
            vessels.train,
            "#b5362f/#f0c070 #2f6a4c/#e8c878",
            _STAND,
            0.36,
            "mountains meadow desert",
        ),
        "submarine": _subject(vessels.submarine, "#f0b42a/#fdf2dc", _FLOAT, 0.36, "underwater"),
        "tree": _subject(
            growing.tree,
            "#4f9a4a/#f2c45a #d8842f/#f4d060 #e58fa8/#fbe0e6",
            _STAND,
            0.56,
            "meadow garden lake",
        ),
        "pine": _subject(growing.pine, "#2f6a4c/#f2c45a", _STAND, 0.52, "mountains snow lake"),
        "palm": _subject(growing.palm, "#3a8f4f/#c8e070", _STAND, 0.52, "beach desert"),
        "flower": _subject(
            growing.flower,
            "#e8569a/#ffd05a #f5b52b/#7a4a28 #e0463a/#3b2a2a #8f6fe0/#ffd98a",
            _STAND,
            0.44,
            "garden meadow",
        ),
        "mushroom": _subject(growing.mushroom, "#d8352f/#f6efe2", _STAND, 0.34, "forest"),
        "cactus": _subject(growing.cactus, "#3f8a5a/#f07a9a", _STAND, 0.46, "desert"),
        "robot": _subject(things.robot, _BRIGHT, _STAND, 0.44, "city desert meadow"),
        "figure": _subject(things.figure, _BRIGHT, _STAND, 0.34, "mountains beach meadow"),
        "astronaut": _subject(
            things.astronaut, "#e2703a/#8fd6f2 #3f7fd0/#f4c860", _STAND, 0.44, "space"
        ),
        "umbrella": _subject(things.umbrella, _BRIGHT, _STAND, 0.36, "beach city"),
        "heart": _subject(things.heart, "#e0334a/#ffc0c8", _FLY, 0.36, "sea meadow"),
        "star": _subject(things.star, "#ffd24a/#fff2c0", _FLY, 0.32, "mountains sea"),
        "teapot": _subject(things.teapot, _BRIGHT, _STAND, 0.32, "garden meadow"),
        "snowman": _subject(
            things.snowman, "#d8392f/#f6efe2 #2f7fd0/#f6efe2", _STAND, 0.42, "snow"
        ),
    }
)
