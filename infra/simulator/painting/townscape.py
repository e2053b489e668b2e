"""What people built, far away: a skyline with lit windows, a village with a steeple."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import Colour, darker, hexa, lighter, mix
from infra.simulator.painting.hours import Hour
from infra.simulator.painting.land import height_at
from infra.simulator.painting.view import View

LAMP: Final = hexa("#ffd98a")
_WALLS: Final = (hexa("#5d6b8c"), hexa("#76708a"), hexa("#4f6f7c"), hexa("#8a7468"))
_ROOFS: Final = (hexa("#b5493a"), hexa("#8a4a3a"), hexa("#5d5f72"))
_PLASTER: Final = hexa("#eee2cc")
_GLASS: Final = hexa("#54607a")
_DARK_HOURS: Final = frozenset({Hour.SUNSET, Hour.DUSK, Hour.NIGHT, Hour.STORM})
# Not everybody is home.
_AT_HOME: Final = 0.42


@dataclass(frozen=True, slots=True)
class _Tower:
    left: float
    top: float
    wide: float
    foot: float
    wall: Colour
    distance: float


def lamps_burn(hour: Hour) -> bool:
    """Return whether windows are lit at this hour."""
    return hour in _DARK_HOURS


def paint_skyline(view: View) -> None:
    """Draw three rows of towers, the nearer two with windows."""
    random, unit = view.random, view.unit
    wall = view.colour("wall", random.choice(_WALLS))
    foot = view.horizon + unit * 0.1
    for row, distance in enumerate((0.68, 0.44, 0.16)):
        x = -unit * random.uniform(0, 0.08)
        peak = random.uniform(0.3, 0.7) * view.width
        while x < view.width:
            wide = unit * random.uniform(0.045, 0.11)
            rise = 0.16 + 0.3 * (1 - min(1.0, abs(x - peak) / (view.width * 0.6)))
            tall = unit * (0.12 + random.random() * rise) * (1.15 - 0.16 * row)
            face = mix(wall, random.choice(_WALLS), 0.4)
            tower = _Tower(x, foot - tall, wide, foot, face, distance)
            _paint_tower(view, tower)
            if row > 0:
                _paint_windows(view, tower)
            x += wide * random.uniform(0.92, 1.25)
        view.canvas.mist(foot - unit * 0.24, foot, view.light.haze, 0.42 - 0.1 * row)


def _paint_tower(view: View, tower: _Tower) -> None:
    draw, wide, top = view.canvas.draw, tower.wide, tower.top
    left, right = tower.left, tower.left + wide
    colour = view.light.on(tower.wall, tower.distance)
    draw.rectangle((left, top, right, tower.foot), fill=colour)
    shaded = right - wide * 0.3 if view.sun[0] < left else left
    shade = view.light.on(darker(tower.wall, 0.3), tower.distance)
    draw.rectangle((shaded, top, shaded + wide * 0.3, tower.foot), fill=shade)
    crown = view.random.choice(
        ("spire", "step", "slope", "flat", "step", "spire", "flat", "flat")
    )
    middle = left + wide / 2
    if crown == "spire":
        roof = (left + wide * 0.2, top), (right - wide * 0.2, top), (middle, top - wide * 0.7)
        draw.polygon(roof, fill=colour)
        thin = max(2, round(wide * 0.04))
        draw.line((middle, top - wide * 1.3, middle, top), fill=colour, width=thin)
    elif crown == "step":
        box = (left + wide * 0.22, top - wide * 0.28, right - wide * 0.22, top)
        draw.rectangle(box, fill=colour)
    elif crown == "slope":
        draw.polygon(((left, top), (right, top), (right, top - wide * 0.4)), fill=colour)


def _paint_windows(view: View, tower: _Tower) -> None:
    random = view.random
    wall = view.light.on(tower.wall, tower.distance)
    lamp = mix(wall, LAMP, 0.25 + 0.6 * (1 - tower.distance))
    lit, glass = lamps_burn(view.hour), lighter(wall, 0.16)
    columns = random.randint(3, 5)
    step = tower.wide / (columns + 0.6)
    rise = step * 1.15
    for row in range(int((tower.foot - tower.top - step * 0.6) / rise)):
        y = tower.top + step * 0.6 + row * rise
        for column in range(columns):
            burning = lit and random.random() < _AT_HOME
            if burning or not lit:
                x = tower.left + step * (0.55 + column)
                pane = (x, y, x + step * 0.5, y + rise * 0.5)
                view.canvas.draw.rectangle(pane, fill=lamp if burning else glass)


def paint_village(view: View, line: Sequence[Point]) -> None:
    """Draw a handful of houses and a church along a line."""
    random = view.random
    middle = random.uniform(0.25, 0.75) * view.width
    spots = sorted(random.gauss(middle, view.unit * 0.2) for _ in range(10))
    for number, x in enumerate(spots):
        wide = view.unit * random.uniform(0.035, 0.055)
        foot = height_at(line, x) + view.unit * random.uniform(0.01, 0.05)
        roof = view.light.on(random.choice(_ROOFS), 0.16)
        _paint_cottage(view, (x, foot), wide, roof)
        if number == len(spots) // 2:
            _paint_steeple(view, (x, foot), wide, roof)


def _paint_cottage(view: View, corner: Point, wide: float, roof: Colour) -> None:
    draw = view.canvas.draw
    x, foot = corner
    top = foot - wide * 0.7
    draw.rectangle((x, top, x + wide, foot), fill=view.light.on(_PLASTER, 0.18))
    ridge = (x + wide * 0.22, top - wide * 0.5), (x + wide * 0.86, top - wide * 0.5)
    draw.polygon(((x - wide * 0.12, top), *ridge, (x + wide * 1.12, top)), fill=roof)
    pane = LAMP if lamps_burn(view.hour) else view.light.on(_GLASS, 0.2)
    for place in (0.22, 0.62):
        left, upper = x + wide * place, top + wide * 0.2
        draw.rectangle((left, upper, left + wide * 0.16, upper + wide * 0.22), fill=pane)


def _paint_steeple(view: View, corner: Point, wide: float, roof: Colour) -> None:
    x, foot = corner
    top = foot - wide * 1.7
    wall = view.light.on(_PLASTER, 0.18)
    view.canvas.draw.rectangle((x - wide * 0.5, top, x, foot), fill=wall)
    eaves = (x - wide * 0.58, top), (x + wide * 0.08, top)
    view.canvas.draw.polygon((*eaves, (x - wide * 0.25, foot - wide * 3.0)), fill=roof)
