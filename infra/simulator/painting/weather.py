"""What falls, flashes or hangs in the air, painted over the scene."""

import math

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import hexa, lighter
from infra.simulator.painting.land import jagged
from infra.simulator.painting.view import View


def paint_rain(view: View) -> None:
    """Draw slanting rain."""
    canvas, random = view.canvas, view.random
    for _ in range(round(260 * canvas.width / canvas.unit)):
        x, y = random.random() * canvas.width * 1.1, random.random() * canvas.height
        long = canvas.unit * random.uniform(0.02, 0.05)
        canvas.draw.line(
            (x, y, x - long * 0.28, y + long),
            fill=(226, 236, 244, 84),
            width=max(1, round(canvas.unit * 0.0018)),
        )


def paint_snowfall(view: View) -> None:
    """Draw falling flakes."""
    canvas, random = view.canvas, view.random
    for _ in range(round(190 * canvas.width / canvas.unit)):
        x, y = random.random() * canvas.width, random.random() * canvas.height
        r = canvas.unit * (0.0015 + 0.006 * random.random() ** 3)
        canvas.draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255, 215))


def paint_lightning(view: View) -> None:
    """Draw one forked stroke from the clouds to the horizon."""
    canvas, random = view.canvas, view.random
    x = canvas.width * random.uniform(0.15, 0.85)
    end: Point = (view.horizon, x + random.uniform(-0.1, 0.1) * canvas.unit)
    path = [(b, a) for a, b in jagged(random, (0.0, x), end, 0.09, 5)]
    canvas.glow(x, view.horizon * 0.4, canvas.unit * 0.5, (222, 226, 255), 0.5)
    canvas.draw.line(
        path, fill=(214, 220, 255, 130), width=round(canvas.unit * 0.012), joint="curve"
    )
    canvas.draw.line(
        path, fill=(255, 255, 255), width=round(canvas.unit * 0.005), joint="curve"
    )
    start = path[len(path) // 2]
    fork = [
        (b, a)
        for a, b in jagged(
            random,
            (start[1], start[0]),
            (view.horizon * 0.85, start[0] + canvas.unit * 0.16),
            0.1,
            4,
        )
    ]
    canvas.draw.line(
        fork, fill=(236, 240, 255), width=round(canvas.unit * 0.003), joint="curve"
    )


def paint_fireworks(view: View) -> None:
    """Draw a few bursts."""
    canvas, random = view.canvas, view.random
    hues = ("#ff6a5a", "#ffd05a", "#6ad0ff", "#c88aff", "#7af0a0")
    for hue in random.sample(hues, 4):
        x, y = (
            canvas.width * random.uniform(0.12, 0.88),
            view.horizon * random.uniform(0.12, 0.55),
        )
        radius, colour = canvas.unit * random.uniform(0.08, 0.18), hexa(hue)
        canvas.glow(x, y, radius * 1.5, colour, 0.45)
        rays = random.randint(18, 28)
        for ray in range(rays):
            turn = math.tau * ray / rays
            far = radius * random.uniform(0.82, 1.0)
            tx, ty = x + far * math.cos(turn), y + far * math.sin(turn) + radius * 0.08
            canvas.draw.line(
                (x + far * 0.25 * math.cos(turn), y + far * 0.25 * math.sin(turn), tx, ty),
                fill=(*colour, 190),
                width=max(2, round(canvas.unit * 0.003)),
            )
            r = canvas.unit * 0.004
            canvas.draw.ellipse((tx - r, ty - r, tx + r, ty + r), fill=lighter(colour, 0.6))
