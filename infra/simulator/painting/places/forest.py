"""The forest: trunks behind trunks, leaves above, and light between them."""

import math

from PIL import Image, ImageDraw

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import Colour, darker, hexa, lighter, mix
from infra.simulator.painting.foreground import paint_grass
from infra.simulator.painting.land import fill_under, rolling
from infra.simulator.painting.pixels import MEAN, SOFT, scaled
from infra.simulator.painting.places.ground import LEAF, Ground
from infra.simulator.painting.view import View

_ROWS = 5
_BEFORE_RAYS = 2


def forest(view: View) -> Ground:
    """Paint the forest, its sun somewhere behind."""
    canvas, light = view.canvas, view.light
    leaf = view.colour("leaf", view.random.choice(LEAF))
    floor = view.colour("ground", leaf)
    glow = mix(light.sky[-1], light.haze, 0.5)
    canvas.gradient(0, view.height, (light.on(leaf, 0.45), glow, glow))
    sun = view.sun[0], view.horizon * 0.55
    canvas.glow(*sun, view.unit * 0.6, lighter(light.orb, 0.2), 0.75)
    for row in range(_ROWS):
        distance = 0.82 - 0.2 * row
        bark = mix(hexa("#4a3b38"), darker(leaf, 0.5), 0.4)
        _trunks(view, row, light.on(bark, distance))
        _crowns(view, row, light.on(darker(leaf, 0.15 * row), distance))
        top = view.horizon + view.unit * (0.02 + 0.055 * row)
        tones = lighter(floor, 0.08), darker(floor, 0.25)
        line = rolling(view, top, view.unit * 0.02)
        fill_under(canvas, line, [light.on(tone, distance) for tone in tones])
        if row == _BEFORE_RAYS:
            paint_rays(view, sun)
    line = rolling(view, view.height * 0.84, view.unit * 0.04)
    near = view.colour("ground", darker(leaf, 0.4))
    fill_under(canvas, line, (light.on(lighter(near, 0.08)), light.on(darker(near, 0.3))))
    paint_grass(view, line, light.on(mix(near, leaf, 0.4)))
    return Ground(line, view.height * 0.92)


def _trunks(view: View, row: int, bark: Colour) -> None:
    random, draw = view.random, view.canvas.draw
    foot = view.horizon + view.unit * (0.06 + 0.055 * row)
    neck = foot - view.unit * 0.05
    for _ in range(view.many(15 - 2 * row)):
        x = view.anywhere()
        wide = view.unit * (0.006 + 0.0075 * row) * random.uniform(0.7, 1.4)
        top = x + random.uniform(-0.03, 0.03) * view.height
        if row > 1 and view.clear[0] <= x <= view.clear[1]:
            continue
        left = (x - wide * 1.5, foot), (x - wide, neck), (top - wide * 0.7, -4.0)
        right = (top + wide * 0.7, -4.0), (x + wide, neck), (x + wide * 1.6, foot)
        draw.polygon((*left, *right), fill=bark)
        if row > 0 and view.chance(0.7):
            y, side = random.uniform(0.1, 0.6) * view.horizon, random.choice((-1, 1))
            branch = (x, y, x + side * wide * 7, y - wide * 5)
            draw.line(branch, fill=bark, width=max(2, round(wide * 0.4)))


def _crowns(view: View, row: int, leaf: Colour) -> None:
    for _ in range(view.many(13)):
        x, r = view.anywhere(), view.unit * view.random.uniform(0.03, 0.09)
        y = view.random.random() ** 2.2 * view.unit * (0.2 - 0.01 * row)
        view.canvas.draw.ellipse((x - r * 1.3, y - r, x + r * 1.3, y + r * 0.8), fill=leaf)


def paint_rays(view: View, source: Point) -> None:
    """Draw slanting beams from a source of light down to the ground."""
    size = (max(4, view.width // 4), max(4, view.height // 4))
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    x, y = source[0] / 4, source[1] / 4
    far = size[1] * 1.2
    for _ in range(6):
        turn = math.pi / 2 + view.random.uniform(-0.9, 0.9)
        wide = view.random.uniform(0.02, 0.07)
        ends = [
            (x + far * math.cos(t), y + far * math.sin(t)) for t in (turn - wide, turn + wide)
        ]
        draw.polygon([(x, y), *ends], fill=58)
    soft = scaled(scaled(mask, (size[0] // 4, size[1] // 4), MEAN), size, SOFT)
    view.canvas.stain(soft, lighter(view.light.orb, 0.1), 0, view.height)
