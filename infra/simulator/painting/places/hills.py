"""Places of grass, rock and snow: meadow, garden, village, mountains, winter."""

from collections.abc import Sequence

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import Colour, darker, hexa, lighter, mix
from infra.simulator.painting.foreground import paint_flowers, paint_grass
from infra.simulator.painting.land import (
    Range,
    Wood,
    fill_under,
    paint_range,
    plant,
    rolling,
)
from infra.simulator.painting.places.ground import GRASS, LEAF, ROCK, Ground
from infra.simulator.painting.townscape import paint_village
from infra.simulator.painting.view import View
from infra.simulator.painting.wish import SNOW


def paint_ranges(view: View, rows: int, height: float, *, snow: bool) -> None:
    """Draw mountain ranges behind each other, the highest (a share of the unit) behind."""
    rock = view.colour("rock", view.random.choice(ROCK))
    for row in range(rows):
        distance = 0.72 - 0.5 * row / max(1, rows - 1)
        tall = view.unit * height * (1.0 - 0.22 * row) * view.random.uniform(0.85, 1.15)
        base = view.horizon + view.unit * 0.035 * row
        paint_range(view, Range(base, tall, rock, distance, snow))


def _hills(
    view: View, depths: Sequence[float], colour: Colour, *, trees: float = 0.0
) -> list[Point]:
    """Draw hills from far to near and return the nearest line.

    Args:
        view: The scene.
        depths: How far each top is under the horizon, as a share of the height.
        colour: The colour of the hills by day.
        trees: How likely each hill but the nearest carries trees.
    """
    line: list[Point] = []
    count, pine = len(depths), view.chance(0.45)
    for number, depth in enumerate(depths):
        distance = 0.66 * (1 - number / max(1, count - 1)) ** 1.2
        shade = mix(colour, darker(colour, 0.35), number / count)
        top = view.horizon + view.height * depth
        line = rolling(view, top, view.unit * (0.035 + 0.02 * number))
        leaf = view.light.on(view.colour("leaf", view.random.choice(LEAF)), distance * 0.9)
        if number < count - 1 and view.chance(trees):
            tall = view.unit * (0.03 + 0.035 * number)
            plant(view, line, Wood(leaf, tall, view.many(30), pine))
        tones = (lighter(shade, 0.12), shade, darker(shade, 0.25))
        fill_under(view.canvas, line, [view.light.on(tone, distance) for tone in tones])
    return line


def meadow(view: View) -> Ground:
    """Paint rolling hills with trees."""
    if view.chance(0.55):
        paint_ranges(view, 1, 0.22, snow=view.chance(0.5))
    grass = view.colour("grass", view.random.choice(GRASS))
    line = _hills(view, (0.0, 0.05, 0.12, 0.21), grass, trees=0.85)
    paint_grass(view, line, view.light.on(darker(grass, 0.2)))
    if view.chance(0.5):
        paint_flowers(view, line, 40)
    return Ground(line, view.height * 0.9)


def garden(view: View) -> Ground:
    """Paint a field of flowers."""
    green = view.colour("leaf", view.random.choice(GRASS))
    line = _hills(view, (0.0, 0.07, 0.15), green, trees=0.9)
    paint_flowers(view, line, 230, view.tints.get("grass"))
    return Ground(line, view.height * 0.9)


def village(view: View) -> Ground:
    """Paint small houses between hills."""
    paint_ranges(view, 2, 0.26, snow=view.chance(0.6))
    grass = view.colour("grass", view.random.choice(GRASS))
    paint_village(view, _hills(view, (0.01, 0.07), grass, trees=0.8))
    line = _hills(view, (0.24,), darker(grass, 0.1))
    paint_grass(view, line, view.light.on(darker(grass, 0.2)))
    return Ground(line, view.height * 0.9)


def mountains(view: View) -> Ground:
    """Paint three ranges and a wooded foreground."""
    light, unit = view.light, view.unit
    paint_ranges(view, 3, 0.42, snow=view.chance(0.75))
    leaf = view.colour("leaf", view.random.choice(LEAF))
    far = rolling(view, view.horizon + view.height * 0.05, unit * 0.03)
    plant(view, far, Wood(light.on(leaf, 0.34), unit * 0.075, view.many(80), pine=True))
    fill_under(view.canvas, far, (light.on(leaf, 0.34), light.on(leaf, 0.2)))
    top = view.horizon + view.height * 0.02
    view.canvas.mist(top, top + view.height * 0.18, light.haze, 0.4)
    near = view.colour("grass", darker(view.random.choice(GRASS), 0.3))
    line = rolling(view, view.horizon + view.height * 0.24, unit * 0.06)
    plant(view, line, Wood(light.on(darker(leaf, 0.4)), unit * 0.24, 16, pine=True))
    fill_under(view.canvas, line, (light.on(near), light.on(darker(near, 0.45))))
    paint_grass(view, line, light.on(darker(near, 0.25)))
    return Ground(line, view.height * 0.92)


def snow(view: View) -> Ground:
    """Paint white hills with firs."""
    paint_ranges(view, 2, 0.32, snow=True)
    view.tints.setdefault("leaf", hexa("#47706c"))
    white = view.colour("snow", SNOW)
    line = _hills(view, (0.01, 0.07, 0.15, 0.24), white, trees=0.95)
    return Ground(line, view.height * 0.9)
