"""One picture from a prompt, a seed and a number: the order in which a scene is painted."""

from typing import Final

from PIL import Image, ImageEnhance, ImageOps

from infra.simulator.painting.arranging import arrange, walk_on
from infra.simulator.painting.canvas import Canvas
from infra.simulator.painting.colour import hexa
from infra.simulator.painting.composition import choose_actors, choose_place, choose_view
from infra.simulator.painting.dice import dice
from infra.simulator.painting.foreground import paint_headland
from infra.simulator.painting.hours import Hour
from infra.simulator.painting.pixels import MEAN, PLAIN, scaled
from infra.simulator.painting.places.atlas import PLACES, WITHOUT_SKY
from infra.simulator.painting.places.ground import GRASS, ROCK, Ground
from infra.simulator.painting.sky import (
    paint_aurora,
    paint_birds,
    paint_crescent,
    paint_cumulus,
    paint_orb,
    paint_rainbow,
    paint_sky,
    paint_stars,
    paint_veils,
)
from infra.simulator.painting.staging import paint_entry
from infra.simulator.painting.subjects.cast import Stance
from infra.simulator.painting.view import View
from infra.simulator.painting.weather import (
    paint_fireworks,
    paint_lightning,
    paint_rain,
    paint_snowfall,
)
from infra.simulator.painting.wish import Actor, Wish, read_prompt

_BIRD_HOURS: Final = frozenset({Hour.DAWN, Hour.DAY, Hour.SUNSET})
_MOON_HOURS: Final = frozenset({Hour.DUSK, Hour.NIGHT})
# How much of the sky clouds take when the hour decides it.
_COVER: Final = {Hour.STORM: 0.95, Hour.NIGHT: 0.25}
# Pixel art has this many pixels on its shorter side.
_COARSE: Final = 96


def paint(prompt: str, seed: int, index: int, width: int, height: int) -> Image.Image:
    """Return the one picture that belongs to these arguments.

    Args:
        prompt: Its words decide subjects, colours, place, hour, weather and style.
        seed: Decides everything else.
        index: The number of the picture within one call.
        width: Pixels across.
        height: Pixels down.
    """
    wish = read_prompt(prompt)
    random = dice(prompt, seed, index)
    place = choose_place(wish, random)
    actors = choose_actors(wish, random, place)
    canvas = Canvas(width, height)
    view = choose_view(wish, random, canvas, actors)
    if place not in WITHOUT_SKY:
        _paint_heaven(view, wish)
    ground = PLACES[place](view)
    if place not in WITHOUT_SKY and view.hour in _BIRD_HOURS and view.chance(0.6):
        paint_birds(view)
    _paint_actors(view, place, actors, ground)
    _paint_weather(view, wish)
    return _styled(canvas.finished(), wish.style)


def _paint_heaven(view: View, wish: Wish) -> None:
    paint_sky(view)
    paint_stars(view, view.light.stars)
    if "aurora" in wish.weather:
        paint_aurora(view)
    radius = view.unit * view.random.uniform(0.045, 0.08)
    young = view.hour in _MOON_HOURS and view.chance(0.35)
    (paint_crescent if young else paint_orb)(view, radius)
    if not wish.weather & {"clear", "aurora"}:
        _paint_clouds(view, overcast="clouds" in wish.weather)
    if "rainbow" in wish.weather:
        paint_rainbow(view)
    if "lightning" in wish.weather:
        paint_lightning(view)


def _paint_clouds(view: View, *, overcast: bool) -> None:
    cover = _COVER.get(view.hour, view.random.uniform(0.15, 0.6))
    if view.hour is Hour.DAY and view.chance(0.6):
        paint_cumulus(view)
    else:
        paint_veils(view, 0.8 if overcast else cover)


def _paint_actors(view: View, place: str, actors: tuple[Actor, ...], ground: Ground) -> None:
    """Paint far extras, then what flies and floats, then what stands and its headland."""
    entries = [*walk_on(view, place, actors, ground), *arrange(view, actors, ground)]
    standing = [entry for entry in entries if entry.subject.stance is Stance.STAND]
    for entry in entries:
        if entry not in standing:
            paint_entry(view, entry, ground)
    if standing and ground.reach:
        grass = view.colour("grass", view.random.choice(GRASS))
        rock = view.colour("rock", view.random.choice(ROCK))
        paint_headland(view, ground.line, grass, rock)
    for entry in standing:
        paint_entry(view, entry, ground)


def _paint_weather(view: View, wish: Wish) -> None:
    if "fireworks" in wish.weather:
        paint_fireworks(view)
    if "rain" in wish.weather:
        paint_rain(view)
    if "snowfall" in wish.weather:
        paint_snowfall(view)
    if view.hour is Hour.FOG:
        view.canvas.mist(view.height * 0.3, view.height * 1.05, view.light.haze, 0.5)


def _styled(image: Image.Image, style: str | None) -> Image.Image:
    if style == "mono":
        return ImageOps.autocontrast(image.convert("L")).convert("RGB")
    if style == "sepia":
        dark, light, middle = hexa("#2b1a10"), hexa("#f6e6c4"), hexa("#a8825a")
        return ImageOps.colorize(image.convert("L"), dark, light, middle)
    if style == "poster":
        return ImageEnhance.Color(ImageOps.posterize(image, 3)).enhance(1.25)
    if style == "pixel":
        share = min(1.0, _COARSE / min(image.size))
        size = max(1, round(image.width * share)), max(1, round(image.height * share))
        flat = scaled(image, size, MEAN).quantize(32, dither=Image.Dither.NONE)
        return scaled(flat.convert("RGB"), image.size, PLAIN)
    return image
