"""What grows at the painter's feet: grass, flowers, reeds."""

import math
from collections.abc import Sequence
from typing import Final

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import Colour, darker, hexa, lighter
from infra.simulator.painting.land import fill_under, height_at
from infra.simulator.painting.view import View

_BLOSSOMS: Final = (
    hexa("#e8486a"), hexa("#f5b52b"), hexa("#f4f0e4"), hexa("#b58fe0"), hexa("#f0803c"),
    hexa("#e86aa8"),
)  # fmt: skip


def paint_grass(view: View, line: Sequence[Point], colour: Colour) -> None:
    """Draw tufts along a line and down to the edge."""
    canvas, random = view.canvas, view.random
    for _ in range(round(210 * canvas.width / canvas.unit)):
        x = random.random() * canvas.width
        top = height_at(line, x)
        depth = random.random() ** 1.2
        y = top + depth * (canvas.height - top) + canvas.unit * 0.004
        tall = canvas.unit * (0.008 + 0.028 * depth) * random.uniform(0.6, 1.4)
        shade = lighter(colour, 0.16) if random.random() < 0.3 else colour  # noqa: PLR2004 - some
        for lean in (-0.5, 0.05, 0.6):
            wide = max(1.0, tall * 0.09)
            canvas.draw.polygon(
                ((x - wide, y), (x + wide, y), (x + lean * tall * 0.7, y - tall)), fill=shade
            )


def paint_flowers(
    view: View, line: Sequence[Point], count: int, colour: Colour | None = None
) -> None:
    """Scatter flowers under a line, small far away and large near."""
    canvas, random = view.canvas, view.random
    hues = [colour, lighter(colour, 0.25)] if colour else random.sample(_BLOSSOMS, 3)
    depths = sorted(random.random() for _ in range(round(count * canvas.width / canvas.unit)))
    for depth in depths:
        x = random.random() * canvas.width
        top = height_at(line, x) + canvas.unit * 0.01
        y = top + depth**1.4 * (canvas.height - top)
        size = canvas.unit * (0.004 + 0.014 * depth) * random.uniform(0.75, 1.25)
        hue = view.light.on_subject(random.choice(hues))
        stem = view.light.on(hexa("#3f7a42"))
        canvas.draw.line((x, y, x, y + size * 3.2), fill=stem, width=max(1, round(size * 0.28)))
        petals = 5
        for petal in range(petals):
            turn = math.tau * petal / petals + depth * 9
            px, py, r = (
                x + math.cos(turn) * size * 0.62,
                y + math.sin(turn) * size * 0.5,
                size * 0.5,
            )
            canvas.draw.ellipse((px - r, py - r * 0.85, px + r, py + r * 0.85), fill=hue)
        r = size * 0.32
        canvas.draw.ellipse((x - r, y - r, x + r, y + r), fill=darker(hue, 0.45))


def paint_reeds(view: View) -> None:
    """Draw reeds in a lower corner."""
    canvas, random = view.canvas, view.random
    left = view.clear[0] + view.clear[1] > canvas.width
    colour = view.light.on(hexa("#3d5a3c"))
    for _ in range(26):
        reach = abs(random.gauss(0, 0.13)) * canvas.width
        x = reach if left else canvas.width - reach
        tall = canvas.unit * random.uniform(0.06, 0.2)
        tip = x + tall * random.uniform(-0.15, 0.25)
        foot = canvas.height + 2
        wide = canvas.unit * 0.003
        canvas.draw.polygon(
            ((x - wide, foot), (x + wide, foot), (tip, foot - tall)), fill=colour
        )
        if random.random() < 0.4:  # noqa: PLR2004 - some carry a head
            r = canvas.unit * 0.005
            head = view.light.on(hexa("#6a4630"))
            canvas.draw.ellipse(
                (tip - r, foot - tall * 1.02, tip + r, foot - tall * 0.78), fill=head
            )


def paint_headland(view: View, line: Sequence[Point], grass: Colour, rock: Colour) -> None:
    """Draw a cliff: bare rock below, a torn carpet of grass on top."""
    canvas, random, light = view.canvas, view.random, view.light
    fill_under(canvas, line, (light.on(lighter(rock, 0.06)), light.on(darker(rock, 0.55))))
    for _ in range(9):
        x, y = random.choice(line)
        y += canvas.unit * random.uniform(0.05, 0.2)
        wide, tall = (
            canvas.unit * random.uniform(0.03, 0.1),
            canvas.unit * random.uniform(0.01, 0.03),
        )
        facet = (
            (x - wide, y),
            (x - wide * 0.2, y - tall),
            (x + wide, y + tall * 0.3),
            (x, y + tall),
        )
        canvas.draw.polygon(facet, fill=(*light.on(lighter(rock, 0.2)), 60))
    torn: list[Point] = []
    for number, (x, y) in enumerate(line):
        hang = 0.035 if number % 2 else 0.075
        torn.append((x, y + canvas.unit * hang * random.uniform(0.6, 1.2)))
    canvas.area(
        [*line, *torn[::-1]], (light.on(lighter(grass, 0.1)), light.on(darker(grass, 0.25)))
    )
    blade = light.on(darker(grass, 0.12))
    for _ in range(60):
        x = random.uniform(line[0][0], line[-1][0])
        y, tall = (
            height_at(line, x) + canvas.unit * 0.006,
            canvas.unit * random.uniform(0.008, 0.022),
        )
        for lean in (-0.4, 0.1, 0.5):
            wide = max(1.0, tall * 0.1)
            canvas.draw.polygon(
                ((x - wide, y), (x + wide, y), (x + lean * tall, y - tall)), fill=blade
            )
