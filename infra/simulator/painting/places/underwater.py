"""Under water: light from above, weeds and sand below, bubbles on their way."""

import math
from collections.abc import Sequence
from typing import Final

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import Colour, darker, hexa, lighter, mix
from infra.simulator.painting.land import fill_under, rolling
from infra.simulator.painting.places.forest import paint_rays
from infra.simulator.painting.places.ground import Ground
from infra.simulator.painting.view import View

_WATER: Final = (hexa("#1f86b0"), hexa("#1a8f94"), hexa("#2f6fb8"))
_SAND: Final = hexa("#d8c08a")
_WEEDS: Final = (hexa("#d8506a"), hexa("#e8913c"), hexa("#2f9a6a"), hexa("#8a5fc0"))


def underwater(view: View) -> Ground:
    """Paint the reef."""
    canvas, random = view.canvas, view.random
    tone = view.colour("water", random.choice(_WATER))
    depths = lighter(tone, 0.6), tone, darker(tone, 0.45), darker(tone, 0.7)
    canvas.gradient(0, view.height, depths)
    view.sun = (view.width * random.uniform(0.3, 0.7), -view.height * 0.12)
    canvas.glow(view.sun[0], 0, view.unit * 0.6, (255, 255, 255), 0.45)
    paint_rays(view, view.sun)
    line: list[Point] = []
    for row, share in enumerate((0.78, 0.85, 0.92)):
        line = rolling(view, view.height * share, view.unit * 0.03)
        for _ in range(view.many(7)):
            _weed(view, line, mix(random.choice(_WEEDS), tone, 0.6 - 0.2 * row))
        sand = mix(_SAND, tone, 0.75 - 0.2 * row)
        fill_under(canvas, line, (sand, darker(sand, 0.45)))
    for _ in range(view.many(36)):
        _bubble(view)
    return Ground(line, view.height * 0.62, surface=False)


def _bubble(view: View) -> None:
    x, y = view.anywhere(), view.random.random() * view.height * 0.85
    r = view.unit * view.random.uniform(0.003, 0.011)
    rim = max(1, round(r * 0.25))
    white = (255, 255, 255)
    view.canvas.draw.ellipse(
        (x - r, y - r, x + r, y + r), fill=(*white, 50), outline=(*white, 150), width=rim
    )


def _weed(view: View, line: Sequence[Point], colour: Colour) -> None:
    """Draw one bush of weeds that sway."""
    random = view.random
    x, foot = random.choice(line)
    foot += view.unit * 0.02
    for _ in range(random.randint(3, 6)):
        tall, phase = view.unit * random.uniform(0.06, 0.2), random.random() * 6
        bend = random.uniform(-0.3, 0.3)
        stem: list[Point] = []
        for n in range(9):
            sway = bend * (n / 8) ** 2 + 0.05 * math.sin(phase + n)
            stem.append((x + tall * sway, foot - tall * n / 8))
        thick = max(3, round(tall * 0.07))
        view.canvas.draw.line(stem, fill=colour, width=thick, joint="curve")
        (tx, ty), r = stem[-1], tall * 0.045
        bud = (tx - r, ty - r, tx + r, ty + r)
        view.canvas.draw.ellipse(bud, fill=lighter(colour, 0.15))
        x += view.unit * 0.016
