"""Space: stars, clouds of gas, a planet with a ring, and the ground of a moon."""

import math
from typing import Final

from PIL import Image, ImageDraw

from infra.simulator.painting.colour import Colour, darker, hexa, lighter, mix
from infra.simulator.painting.land import fill_under, rolling
from infra.simulator.painting.pixels import mapped, scaled
from infra.simulator.painting.places.ground import Ground
from infra.simulator.painting.sky import paint_stars
from infra.simulator.painting.view import View

_DARK: Final = (hexa("#05060f"), hexa("#0d1030"), hexa("#1b1440"))
_GAS: Final = tuple(map(hexa, ("#7a3fb8", "#2f6fc8", "#c23f86", "#1f9aa0", "#d8743a")))
_SOIL: Final = (hexa("#8a8694"), hexa("#b5654a"), hexa("#6a7a9c"))
_PLANETS: Final = (hexa("#e2a45f"), hexa("#5fa8d8"), hexa("#c86a8a"), hexa("#8ac0a0"))


def space(view: View) -> Ground:
    """Paint the sky of a moon and its ground."""
    canvas, random = view.canvas, view.random
    canvas.gradient(0, view.height, _DARK)
    curve = [max(0, min(150, round((v - 128) * 2.4))) for v in range(256)]
    for gas in random.sample(_GAS, 2):
        noise = canvas.noise(random, ((3, 3), (7, 7), (15, 15), (31, 31)))
        canvas.stain(mapped(noise, curve), gas, 0, view.height)
    view.horizon = view.height * 1.1
    for _ in range(2):
        paint_stars(view, 1.0)
    _planet(view)
    soil = view.colour("planet", random.choice(_SOIL))
    line = rolling(view, view.height * 0.84, view.unit * 0.03)
    lit = lighter(mix(soil, _DARK[2], 0.25), 0.1)
    fill_under(canvas, line, (lit, mix(soil, _DARK[1], 0.6)))
    for _ in range(view.many(12)):
        x, y = view.anywhere(), view.height * random.uniform(0.88, 1.0)
        r = view.unit * random.uniform(0.012, 0.05)
        box = (x - r, y - r * 0.32, x + r, y + r * 0.32)
        canvas.draw.ellipse(box, fill=mix(soil, _DARK[1], 0.62))
        rim = max(2, round(r * 0.09))
        canvas.draw.arc(box, 10, 170, fill=mix(soil, _DARK[2], 0.15), width=rim)
    return Ground(line, view.height * 0.9)


def _planet(view: View) -> None:
    canvas, random = view.canvas, view.random
    colour = random.choice(_PLANETS)
    across = random.uniform(0.16, 0.3)
    x = view.width * (across if view.on_the_right else 1 - across)
    y, radius = view.height * random.uniform(0.2, 0.36), view.unit * random.uniform(0.1, 0.17)
    canvas.glow(x, y, radius * 2, colour, 0.5)
    ball = _ball(colour, max(2, round(radius * 2)), random.uniform(0.2, 0.5))
    ring, edge = view.chance(0.65), lighter(colour, 0.45)
    halo = (x - radius * 1.9, y - radius * 0.5, x + radius * 1.9, y + radius * 0.5)
    thick = max(1, round(radius * 0.14))
    if ring:
        canvas.draw.arc(halo, 180, 360, fill=mix(edge, _DARK[2], 0.4), width=thick)
    canvas.lay(ball, x - radius, y - radius)
    if ring:
        canvas.draw.arc(halo, 0, 180, fill=edge, width=thick)


def _ball(colour: Colour, side: int, tilt: float) -> Image.Image:
    """Return a striped ball, lit from the upper left."""
    ball = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(ball)
    edge = darker(colour, 0.1)
    bands = (edge, colour, lighter(colour, 0.2), colour, darker(colour, 0.25), colour, edge)
    for number, band in enumerate(bands):
        y = side * number / len(bands)
        draw.rectangle((0, y, side, y + side / len(bands)), fill=band)
    ball = ball.rotate(math.degrees(tilt), Image.Resampling.BICUBIC)
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), 255)
    curve = [round(215 * max(0.0, (v - 60) / 195)) for v in range(256)]
    shade = scaled(mapped(Image.radial_gradient("L"), curve), (side * 2, side * 2))
    left, top = round(side * 0.75), round(side * 0.72)
    ball.paste((8, 8, 30, 255), (0, 0), shade.crop((left, top, left + side, top + side)))
    ball.putalpha(mask)
    return ball
