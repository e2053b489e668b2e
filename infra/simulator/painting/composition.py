"""What chance decides where the prompt is silent: place, guests, hour, light, horizon, sun."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Final

from infra.simulator.painting.canvas import Canvas, Point
from infra.simulator.painting.colour import Colour, mix
from infra.simulator.painting.hours import LIGHTS, Hour, Light
from infra.simulator.painting.places.atlas import BY_WATER
from infra.simulator.painting.subjects.cast import CAST, Stance
from infra.simulator.painting.view import View
from infra.simulator.painting.wish import Actor, Wish

_HOURS: Final = (
    Hour.DAWN, Hour.DAY, Hour.DAY, Hour.SUNSET, Hour.SUNSET, Hour.DUSK, Hour.NIGHT,
)  # fmt: skip
_LOW_SUN: Final = frozenset({Hour.DAWN, Hour.SUNSET})
_PLACES: Final = ("meadow", "mountains", "sea", "lake", "desert", "snow", "village", "garden")
# What a picture shows when its prompt names nothing that can be drawn; "" is nobody.
_GUESTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "meadow": ("tree", "house", "balloon", "barn"),
        "mountains": ("pine", "house", "balloon", ""),
        "sea": ("boat", "lighthouse"),
        "lake": ("boat", "house", "tree"),
        "desert": ("cactus", "balloon"),
        "snow": ("pine", "house", "fox"),
        "village": ("tree", "balloon"),
        "garden": ("tree", "windmill"),
        "beach": ("palm", "umbrella", "boat"),
        "city": ("tree", "balloon", ""),
        "forest": ("deer", "fox"),
        "space": ("rocket", "astronaut"),
        "underwater": ("fish", "whale"),
    }
)


def choose_place(wish: Wish, random: Random) -> str:
    """Return the place: the prompt's, one where its subject is at home, or any."""
    if wish.place:
        return wish.place
    if wish.actors:
        return random.choice(CAST[wish.actors[0].name].places)
    return random.choice(_PLACES)


def choose_actors(wish: Wish, random: Random, place: str) -> tuple[Actor, ...]:
    """Return who is in the picture; the first is what the eye falls on."""
    actors = wish.actors or _guest(wish, random, place)
    if wish.colour and actors and not actors[0].colour:
        actors = (replace(actors[0], colour=wish.colour), *actors[1:])
    if place in BY_WATER:
        # The headland rises on the side of the first, so that must be one who stands on it.
        return tuple(sorted(actors, key=lambda actor: not _stands(actor)))
    return actors


def _guest(wish: Wish, random: Random, place: str) -> tuple[Actor, ...]:
    name = random.choice(_GUESTS[place])
    return (Actor(name),) if name and "fireworks" not in wish.weather else ()


def _stands(actor: Actor) -> bool:
    return CAST[actor.name].stance is Stance.STAND


def choose_view(wish: Wish, random: Random, canvas: Canvas, actors: tuple[Actor, ...]) -> View:
    """Return the view: the subject off the middle, the light from the other side."""
    hour = _choose_hour(wish, random)
    light = _tinted(random.choice(LIGHTS[hour]), wish.tints.get("sky"))
    horizon = canvas.height * random.uniform(0.46, 0.66)
    third = random.choice((0.34, 0.66))
    main = canvas.width * (third + random.uniform(-0.06, 0.06))
    reach = _half_width(canvas, actors)
    sun_x = canvas.width * (1 - third + random.uniform(-0.16, 0.16))
    high = random.uniform(0.62, 0.88) if hour in _LOW_SUN else random.uniform(0.18, 0.42)
    sun: Point = (sun_x, horizon * high)
    clear: Point = (main - reach, main + reach)
    return View(canvas, random, hour, light, horizon, sun, clear, dict(wish.tints))


def _choose_hour(wish: Wish, random: Random) -> Hour:
    if wish.weather & {"aurora", "fireworks"}:
        return Hour.NIGHT
    chance = random.choice(_HOURS)
    return wish.hour or (Hour.DAY if "rainbow" in wish.weather else chance)


def _tinted(light: Light, tint: Colour | None) -> Light:
    if tint is None:
        return light
    return replace(
        light,
        sky=tuple(mix(colour, tint, 0.6) for colour in light.sky),
        haze=mix(light.haze, tint, 0.4),
        cloud=mix(light.cloud, tint, 0.25),
    )


def _half_width(canvas: Canvas, actors: tuple[Actor, ...]) -> float:
    """Return half of the room that subjects on the ground need, in pixels."""
    if not actors:
        return 0.0
    standing = sum(actor.count for actor in actors if _stands(actor))
    return canvas.unit * CAST[actors[0].name].size * (0.5 + 0.22 * max(0, standing - 1))
