"""What people built, far away: a skyline with lit windows, a village with a steeple."""

from collections.abc import Sequence
from random import Random
from typing import Final

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import Colour, darker, hexa, lighter, mix
from infra.simulator.painting.hours import Hour
from infra.simulator.painting.land import height_at
from infra.simulator.painting.view import View

LAMP: Final = hexa("#ffd98a")
_WALLS: Final = (hexa("#5d6b8c"), hexa("#76708a"), hexa("#4f6f7c"), hexa("#8a7468"))
_DARK_HOURS: Final = frozenset({Hour.SUNSET, Hour.DUSK, Hour.NIGHT, Hour.STORM})


def lamps_burn(hour: Hour) -> bool:
    """Return whether windows are lit at this hour."""
    return hour in _DARK_HOURS


def paint_skyline(view: View) -> None:
    """Draw three rows of towers, the nearest with windows."""
    canvas, random = view.canvas, view.random
    wall = view.colour("wall", random.choice(_WALLS))
    foot = view.horizon + canvas.unit * 0.1
    for row, distance in enumerate((0.68, 0.44, 0.16)):
        x = -canvas.unit * random.uniform(0, 0.08)
        peak = random.uniform(0.3, 0.7) * canvas.width
        while x < canvas.width:
            wide = canvas.unit * random.uniform(0.045, 0.11)
            near_peak = 1 - min(1.0, abs(x - peak) / (canvas.width * 0.6))
            tall = (
                canvas.unit
                * (0.12 + random.random() * (0.16 + 0.3 * near_peak))
                * (1.15 - 0.16 * row)
            )
            _tower(
                view,
                (x, foot - tall, x + wide, foot),
                mix(wall, random.choice(_WALLS), 0.4),
                distance,
                windows=row > 0,
            )
            x += wide * random.uniform(0.92, 1.25)
        canvas.mist(foot - canvas.unit * 0.24, foot, view.light.haze, 0.42 - 0.1 * row)


def _tower(
    view: View,
    box: tuple[float, float, float, float],
    wall: Colour,
    distance: float,
    *,
    windows: bool,
) -> None:
    random, draw = view.random, view.canvas.draw
    left, top, right, foot = box
    colour = view.light.on(wall, distance)
    wide = right - left
    draw.rectangle(box, fill=colour)
    shade = right - wide * 0.3 if view.sun[0] < left else left
    draw.rectangle(
        (shade, top, shade + wide * 0.3, foot), fill=view.light.on(darker(wall, 0.3), distance)
    )
    crown = random.random()
    if crown < 0.25:  # noqa: PLR2004 - a spire
        draw.polygon(
            (
                (left + wide * 0.2, top),
                (right - wide * 0.2, top),
                (left + wide / 2, top - wide * 0.7),
            ),
            fill=colour,
        )
        draw.line(
            (left + wide / 2, top - wide * 1.3, left + wide / 2, top),
            fill=colour,
            width=max(2, round(wide * 0.04)),
        )
    elif crown < 0.5:  # noqa: PLR2004 - a set-back
        draw.rectangle(
            (left + wide * 0.22, top - wide * 0.28, right - wide * 0.22, top), fill=colour
        )
    elif crown < 0.62:  # noqa: PLR2004 - a slanted roof
        draw.polygon(((left, top), (right, top), (right, top - wide * 0.4)), fill=colour)
    if windows:
        _windows(view, random, box, mix(colour, LAMP, 0.25 + 0.6 * (1 - distance)), colour)


def _windows(
    view: View,
    random: Random,
    box: tuple[float, float, float, float],
    lamp: Colour,
    wall: Colour,
) -> None:
    left, top, right, foot = box
    columns = random.randint(3, 5)
    step = (right - left) / (columns + 0.6)
    pane, rise = step * 0.5, step * 1.15
    lit = lamps_burn(view.hour)
    glass = lighter(wall, 0.16)
    y = top + step * 0.6
    while y < foot - rise:
        for column in range(columns):
            burning = lit and random.random() < 0.42  # noqa: PLR2004 - not everybody is home
            if burning or not lit:
                x = left + step * (0.55 + column)
                view.canvas.draw.rectangle(
                    (x, y, x + pane, y + rise * 0.5), fill=lamp if burning else glass
                )
        y += rise


def paint_village(view: View, line: Sequence[Point]) -> None:
    """Draw a handful of houses and a church along a line."""
    canvas, random = view.canvas, view.random
    middle = random.uniform(0.25, 0.75) * canvas.width
    roofs = (hexa("#b5493a"), hexa("#8a4a3a"), hexa("#5d5f72"))
    spots = sorted(random.gauss(middle, canvas.unit * 0.2) for _ in range(10))
    church = len(spots) // 2
    for number, x in enumerate(spots):
        wide = canvas.unit * random.uniform(0.035, 0.055)
        foot = height_at(line, x) + canvas.unit * random.uniform(0.01, 0.05)
        wall = view.light.on(hexa("#eee2cc"), 0.18)
        roof = view.light.on(random.choice(roofs), 0.16)
        top = foot - wide * 0.7
        canvas.draw.rectangle((x, top, x + wide, foot), fill=wall)
        canvas.draw.polygon(
            (
                (x - wide * 0.12, top),
                (x + wide * 0.22, top - wide * 0.5),
                (x + wide * 0.86, top - wide * 0.5),
                (x + wide * 1.12, top),
            ),
            fill=roof,
        )
        if number == church:
            canvas.draw.rectangle((x - wide * 0.5, foot - wide * 1.7, x, foot), fill=wall)
            canvas.draw.polygon(
                (
                    (x - wide * 0.58, foot - wide * 1.7),
                    (x + wide * 0.08, foot - wide * 1.7),
                    (x - wide * 0.25, foot - wide * 3.0),
                ),
                fill=roof,
            )
        pane = LAMP if lamps_burn(view.hour) else view.light.on(hexa("#54607a"), 0.2)
        for place in (0.22, 0.62):
            canvas.draw.rectangle(
                (
                    x + wide * place,
                    top + wide * 0.2,
                    x + wide * (place + 0.16),
                    top + wide * 0.42,
                ),
                fill=pane,
            )
