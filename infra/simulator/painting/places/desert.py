"""The desert: dunes with a sharp crest between light and shade, and table mountains."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import Colour, darker, hexa, lighter, mix
from infra.simulator.painting.land import fill_under, rolling
from infra.simulator.painting.places.ground import SAND, Ground
from infra.simulator.painting.view import View

_STEPS: Final = 14
_RED_ROCK: Final = hexa("#a8503c")
_PLUM: Final = hexa("#7a3f58")
# Each row of dunes: how far its foot is under the horizon, how high, how many.
_ROWS: Final = ((0.05, 0.07, 3), (0.12, 0.13, 3), (0.25, 0.2, 2))


@dataclass(frozen=True, slots=True)
class _Dune:
    x: float
    foot: float
    tall: float
    sand: Colour
    distance: float


def desert(view: View) -> Ground:
    """Paint sand to the horizon."""
    random, light = view.random, view.light
    sand = view.colour("sand", random.choice(SAND))
    floor = light.on(sand, 0.62), light.on(sand, 0.1)
    view.canvas.gradient(view.horizon - 2, view.height, floor)
    if view.chance(0.6):
        for _ in range(random.randint(1, 3)):
            _mesa(view, mix(sand, _RED_ROCK, 0.6))
    for row, (foot, tall, count) in enumerate(_ROWS):
        for _ in range(count):
            x = random.uniform(-0.1, 1.1) * view.width
            size = view.unit * tall * random.uniform(0.7, 1.2)
            foot_y = view.horizon + view.unit * foot
            _paint_dune(view, _Dune(x, foot_y, size, sand, 0.5 - 0.2 * row))
    line = rolling(view, view.horizon + view.unit * 0.27, view.unit * 0.04, 0.8)
    near = light.on(lighter(sand, 0.22)), light.on(darker(sand, 0.16))
    fill_under(view.canvas, line, near)
    for _ in range(16):
        paint_sand_ripple(view, line, light.on(darker(sand, 0.22)))
    return Ground(line, view.height * 0.9)


def _paint_dune(view: View, dune: _Dune) -> None:
    half = dune.tall * view.random.uniform(2.2, 3.4)
    sunward = -1 if view.sun[0] < dune.x else 1
    bright = _flank(dune, sunward * half, 1.5)
    dark = _flank(dune, -sunward * half * 0.8, 1.25)
    lit = view.light.on(lighter(dune.sand, 0.24), dune.distance)
    shade = view.light.on(mix(darker(dune.sand, 0.3), _PLUM, 0.3), dune.distance)
    low = view.light.on(dune.sand, dune.distance * 0.9 + 0.06)
    view.canvas.area([*bright[::-1], *dark], (lit, low))
    sway = view.random.uniform(0.1, 0.24)
    crest: list[Point] = []
    for n in range(_STEPS + 1):
        bow = sway * math.sin(math.pi * 1.15 * n / _STEPS) - 0.1 * n / _STEPS
        crest.append((dune.x + sunward * half * bow, dark[0][1] + dune.tall * n / _STEPS))
    view.canvas.area([*dark, *crest[::-1]], (shade, mix(shade, low, 0.72)))


def _flank(dune: _Dune, reach: float, bend: float) -> list[Point]:
    """Return the line from the peak down to the foot, ``reach`` pixels away."""
    return [
        (dune.x + reach * n / _STEPS, dune.foot - dune.tall * (1 - n / _STEPS) ** bend)
        for n in range(_STEPS + 1)
    ]


def paint_sand_ripple(view: View, line: Sequence[Point], colour: Colour) -> None:
    """Draw one faint bow in the sand under ``line``."""
    random = view.random
    depth, wide = random.random(), view.unit * random.uniform(0.06, 0.2)
    x, top = view.anywhere(), max(y for _, y in line)
    y = top + view.unit * 0.02 + depth * (view.height - top)
    rise = view.unit * 0.006
    bow = [(x + wide * (n / 8 - 0.5), y - rise * math.sin(math.pi * n / 8)) for n in range(9)]
    thick = max(2, round(view.unit * 0.003))
    view.canvas.draw.line(bow, fill=(*colour, 90), width=thick, joint="curve")


def _mesa(view: View, colour: Colour) -> None:
    random = view.random
    x, wide = view.anywhere(), view.unit * random.uniform(0.1, 0.24)
    tall, foot = view.unit * random.uniform(0.1, 0.2), view.horizon + view.unit * 0.06

    def at(across: float, up: float) -> Point:
        return x + wide * across, foot - tall * up

    slope = at(0.5, 0.97), at(0.5, 0.5), at(0.9, 0)
    body = view.light.on(lighter(colour, 0.1), 0.35), view.light.on(colour, 0.55)
    view.canvas.area([at(-0.85, 0), at(-0.5, 0.55), at(-0.5, 1), *slope], body)
    shade = (*view.light.on(darker(colour, 0.4), 0.35), 150)
    view.canvas.draw.polygon([at(0.2, 1), *slope, at(0.3, 0)], fill=shade)
