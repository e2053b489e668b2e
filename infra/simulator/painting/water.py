"""Water: it mirrors what stands above the horizon, ripples, and glitters under the light."""

import math
from typing import Final

from PIL import Image

from infra.simulator.painting.canvas import Canvas, fade
from infra.simulator.painting.colour import Colour, hexa, lighter, mix
from infra.simulator.painting.hours import Hour
from infra.simulator.painting.pixels import scaled
from infra.simulator.painting.view import View

_WATER: Final = hexa("#1f6a94")


def paint_water(view: View, top: float, bottom: float, calm: float) -> None:
    """Fill from ``top`` (the waterline) to ``bottom``; ``calm`` 0 (rough) to 1 (a mirror)."""
    canvas, light = view.canvas, view.light
    first, last = round(top), min(canvas.height, round(bottom))
    tall = last - first
    if tall < 4:  # noqa: PLR2004 - no room for a reflection
        return
    reach = min(first, round(tall * 1.5))
    mirror = canvas.image.crop((0, first - reach, canvas.width, first))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    canvas.image.paste(scaled(mirror, (canvas.width, tall)), (0, first))
    near = light.on(view.colour("water", _WATER))
    far = mix(near, light.haze, 0.5)
    depth = [round(255 * (0.38 + (0.47 - 0.4 * calm) * v / 255)) for v in range(256)]
    tint = Canvas.ramp_image((canvas.width, tall), (far, near))
    canvas.image.paste(tint, (0, first), fade((canvas.width, tall), depth))
    _ripple(view, first, last, calm)
    _waves(view, first, last, near, calm)
    if view.hour not in {Hour.STORM, Hour.FOG}:
        _glitter(view, first, last)


def _ripple(view: View, first: int, last: int, calm: float) -> None:
    canvas, random = view.canvas, view.random
    phase, y = random.random() * 7, first
    while y < last:
        depth = (y - first) / (last - first)
        thick = max(2, round(canvas.unit * (0.003 + 0.012 * depth)))
        strip = canvas.image.crop((0, y, canvas.width, min(last, y + thick)))
        swing = math.sin(phase + y * 0.9) + random.uniform(-0.7, 0.7)
        shift = round(canvas.unit * 0.008 * (0.35 + depth) * (1.2 - calm) * swing)
        canvas.image.paste(strip, (shift, y))
        y += thick


def _waves(view: View, first: int, last: int, near: Colour, calm: float) -> None:
    canvas, random, light = view.canvas, view.random, view.light
    crest = mix(lighter(near, 0.35), light.haze, 0.35)
    trough = mix(near, light.shade, 0.5)
    for _ in range(round((150 - 80 * calm) * canvas.width / canvas.unit)):
        depth = random.random() ** 1.3
        x, y = random.random() * canvas.width, first + depth * (last - first)
        long = canvas.unit * (0.012 + 0.085 * depth) * random.uniform(0.5, 1.4)
        thick = max(1.0, canvas.unit * (0.0008 + 0.0028 * depth))
        shade = crest if random.random() < 0.55 else trough  # noqa: PLR2004 - crests win
        canvas.draw.ellipse((x - long, y - thick, x + long, y + thick), fill=(*shade, 80))


def _glitter(view: View, first: int, last: int) -> None:
    canvas, random = view.canvas, view.random
    colour, sun_x = lighter(view.light.orb, 0.2), view.sun[0]
    for _ in range(90):
        depth = random.random()
        x = sun_x + random.gauss(0, canvas.unit * (0.015 + 0.06 * depth))
        y = first + depth * (last - first) * 0.95
        long = canvas.unit * (0.006 + 0.022 * depth) * random.uniform(0.5, 1.5)
        thick = max(1.0, canvas.unit * (0.0009 + 0.002 * depth))
        alpha = round(190 * (1 - 0.75 * depth))
        canvas.draw.ellipse((x - long, y - thick, x + long, y + thick), fill=(*colour, alpha))
