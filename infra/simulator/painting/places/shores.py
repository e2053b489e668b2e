"""Places by the water: sea, beach, lake, and the city on its river."""

import math
from typing import Final

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import darker, lighter, mix
from infra.simulator.painting.foreground import paint_reeds
from infra.simulator.painting.land import Wood, fill_under, plant, rolling
from infra.simulator.painting.places.desert import paint_sand_ripple
from infra.simulator.painting.places.ground import LEAF, ROCK, SAND, Ground
from infra.simulator.painting.places.hills import paint_ranges
from infra.simulator.painting.townscape import paint_skyline
from infra.simulator.painting.view import View
from infra.simulator.painting.water import paint_water

_STEPS: Final = 30


def sea(view: View) -> Ground:
    """Paint open water, perhaps with islands, and plan a headland to stand on."""
    if view.chance(0.6):
        rock = view.colour("rock", view.random.choice(ROCK))
        for distance in (0.62, 0.38):
            left = view.random.choice((-0.1, 0.85, 0.3)) * view.width
            island = _island(view, left, view.random.uniform(0.25, 0.6) * view.width)
            tones = view.light.on(rock, distance), view.light.on(rock, distance + 0.15)
            view.canvas.area(island, tones)
    paint_water(view, view.horizon, view.height, view.random.uniform(0.1, 0.55))
    return _by_water(view, view.horizon + (view.height - view.horizon) * 0.42)


def _island(view: View, left: float, wide: float) -> list[Point]:
    tall = view.unit * view.random.uniform(0.03, 0.08)
    phase = view.random.random() * 7
    line: list[Point] = []
    for n in range(_STEPS + 1):
        arch = math.sin(math.pi * n / _STEPS) ** 0.8
        rise = tall * arch * (0.75 + 0.25 * math.sin(phase + n * 0.7))
        line.append((left + wide * n / _STEPS, view.horizon - rise))
    return [*line, (left + wide, view.horizon + 2), (left, view.horizon + 2)]


def _by_water(view: View, water: float) -> Ground:
    """Return the ground of a place where only a headland can be stood on."""
    line = _headland(view)
    inset = view.unit * 0.12
    left, right = line[0][0], line[-1][0]
    reach = (left + inset, right) if left > 0 else (left, right - inset)
    return Ground(line, water, reach)


def _headland(view: View) -> list[Point]:
    """Return the line of a cliff that rises out of the water on the subject's side."""
    side = 1 if view.on_the_right else -1
    edge = view.clear[0 if side > 0 else 1] - side * view.unit * 0.13
    far = view.width + 4 if side > 0 else -4
    foot, high = view.height * 1.01, view.height * 0.2
    line: list[Point] = []
    for n in range(_STEPS + 1):
        reach = abs(far - edge) * (n / _STEPS) ** 1.5
        rise = 1 - (1 - min(1.0, reach / (view.unit * 0.2))) ** 2.6
        wave = 0.012 * math.sin(reach / view.unit * 8 + edge) + 0.012 * reach / view.unit
        line.append((edge + side * reach, foot - (high + view.unit * wave) * rise))
    return line if side > 0 else line[::-1]


def beach(view: View) -> Ground:
    """Paint a strip of sand with the sea behind it."""
    canvas, light, unit = view.canvas, view.light, view.unit
    shore = view.horizon + (view.height - view.horizon) * 0.5
    paint_water(view, view.horizon, view.height, view.random.uniform(0.2, 0.5))
    sand = view.colour("sand", view.random.choice(SAND))
    line = rolling(view, shore, unit * 0.022, 0.8)
    foam = [(x, y - unit * 0.012) for x, y in line]
    white = (*light.on((255, 255, 255)), 190)
    canvas.draw.line(foam, fill=white, width=round(unit * 0.012), joint="curve")
    wet = [(x, y - unit * 0.006) for x, y in line]
    fill_under(canvas, wet, (light.on(mix(sand, (90, 80, 90), 0.35)),))
    dry = [(x, y + unit * 0.02) for x, y in line]
    fill_under(canvas, dry, (light.on(lighter(sand, 0.25)), light.on(sand)))
    for _ in range(14):
        paint_sand_ripple(view, dry, light.on(darker(sand, 0.22)))
    stand = [(x, y + unit * 0.12) for x, y in line]
    return Ground(stand, view.horizon + (shore - view.horizon) * 0.6)


def lake(view: View) -> Ground:
    """Paint still water under mountains."""
    light, unit = view.light, view.unit
    paint_ranges(view, 2, 0.4, snow=view.chance(0.65))
    leaf = view.colour("leaf", view.random.choice(LEAF))
    bank = rolling(view, view.horizon + unit * 0.01, unit * 0.012)
    wood = Wood(light.on(leaf, 0.3), unit * 0.09, view.many(70), pine=view.chance(0.75))
    plant(view, bank, wood)
    fill_under(view.canvas, bank, (light.on(leaf, 0.25),))
    top = view.horizon + unit * 0.03
    paint_water(view, top, view.height, view.random.uniform(0.7, 0.95))
    if view.chance(0.6):
        paint_reeds(view)
    return _by_water(view, top + (view.height - top) * 0.4)


def city(view: View) -> Ground:
    """Paint a skyline over its river."""
    paint_skyline(view)
    top = view.horizon + view.unit * 0.05
    paint_water(view, top, view.height, view.random.uniform(0.45, 0.75))
    return _by_water(view, top + (view.height - top) * 0.42)
