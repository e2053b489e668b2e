"""Everything above the horizon: light, sun or moon, stars, clouds, and what crosses it."""

import math
from collections.abc import Sequence
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw

from infra.simulator.painting.canvas import Canvas, fade, relief
from infra.simulator.painting.colour import Colour, hexa, lighter, mix
from infra.simulator.painting.hours import Hour
from infra.simulator.painting.pixels import SOFT, mapped, scaled
from infra.simulator.painting.view import View

# Stars brighter than this have a halo.
_HALO: Final = 0.8
# With so many stars the moon shines, not the sun.
_MOONLIT: Final = 0.3
# With so much gloom the sun is so low that clouds are lit from below.
_LIT_FROM_BELOW: Final = 0.3


def paint_sky(view: View) -> None:
    """Fill the picture: sky to the horizon, haze below it."""
    view.canvas.gradient(0, view.horizon, view.light.sky)
    view.canvas.gradient(
        view.horizon, view.canvas.height, (view.light.sky[-1], view.light.haze)
    )


def paint_stars(view: View, share: float) -> None:
    """Scatter stars, denser up high, a few of them bright; ``share`` 0 (none) to 1."""
    canvas, random, horizon = view.canvas, view.random, view.horizon
    for _ in range(view.many(190 * share)):
        x, y = random.random() * canvas.width, random.random() ** 1.4 * horizon * 0.95
        bright = random.random() ** 4
        size = canvas.unit * (0.0009 + 0.0021 * bright)
        alpha = round((90 + 165 * bright) * (1 - 0.8 * y / horizon))
        canvas.draw.ellipse((x - size, y - size, x + size, y + size), (255, 252, 240, alpha))
        if bright > _HALO:
            canvas.glow(x, y, size * 7, (255, 252, 240), 0.5)


def paint_orb(view: View, radius: float) -> None:
    """Draw the sun, or a moon with its seas when it is dark."""
    canvas, light, hour = view.canvas, view.light, view.hour
    x, y = view.sun
    night = light.stars >= _MOONLIT
    if hour in {Hour.STORM, Hour.FOG}:
        canvas.glow(x, y, radius * 5, lighter(light.orb, 0.4), 0.55)
        if hour is Hour.FOG:
            _disc(canvas, x, y, radius * 0.8, mix(light.orb, light.sky[1], 0.25))
        return
    canvas.glow(x, y, radius * (5.5 if night else 8), light.orb, 0.4 if night else 0.6)
    canvas.glow(x, y, radius * 2.6, light.orb, 0.5 if night else 0.75)
    _disc(canvas, x, y, radius, lighter(light.orb, 0.25))
    if night:
        for dx, dy, size in ((-0.35, -0.2, 0.26), (0.25, 0.3, 0.34), (0.3, -0.45, 0.17)):
            spot = mix(light.orb, light.sky[1], 0.16)
            _disc(canvas, x + dx * radius, y + dy * radius, radius * size, spot)


def paint_crescent(view: View, radius: float) -> None:
    """Draw a young moon."""
    canvas, light = view.canvas, view.light
    x, y = view.sun
    canvas.glow(x, y, radius * 4.5, light.orb, 0.4)
    side = round(radius * 2)
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    draw.ellipse((0, 0, side - 1, side - 1), 255)
    draw.ellipse((side * 0.3, -side * 0.12, side * 1.22, side * 0.8), 0)
    canvas.image.paste(lighter(light.orb, 0.3), (round(x - radius), round(y - radius)), mask)


def _disc(canvas: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    canvas.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def paint_veils(view: View, cover: float) -> None:
    """Draw long torn clouds over ``cover`` (0 to 1) of the sky, lit from the sun's side."""
    canvas, light, random, horizon = view.canvas, view.light, view.random, view.horizon
    wide = max(3, round(3 * canvas.width / canvas.unit))
    noise = canvas.noise(random, ((wide, 6), (wide * 2, 13), (wide * 5, 27), (wide * 9, 44)))
    low, span = 255 * (0.60 - 0.26 * cover), 255 * 0.2
    mask = mapped(noise, [round(205 * _smooth((v - low) / span)) for v in range(256)])
    thinner = [min(255, round(255 * (255 - v) / 55)) for v in range(256)]
    mask = ImageChops.multiply(mask, fade(mask.size, thinner))
    step = max(1, view.unit // 128)
    # The relief knows nothing beyond the edge.
    inner = (step, step, mask.width - step, mask.height)
    canvas.stain(mask.crop(inner), mix(light.cloud, light.sky[1], 0.45), 0, horizon)
    side = -1 if view.sun[0] > canvas.width / 2 else 1
    under = -1 if light.gloom > _LIT_FROM_BELOW else 1
    edge = relief(mask, side * max(1, step * 3 // 4), under * step).crop(inner)
    bright = mapped(edge, [min(200, round(v * 1.5)) for v in range(256)])
    canvas.stain(bright, lighter(light.cloud, 0.25), 0, horizon)


def _smooth(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def paint_cumulus(view: View) -> None:
    """Draw a few round clouds with flat feet that dissolve."""
    canvas, light, random, horizon = view.canvas, view.light, view.random, view.horizon
    clouds = sorted(random.uniform(0.1, 0.8) for _ in range(random.randint(3, 6)))
    for depth in clouds[::-1]:
        size = canvas.unit * (0.17 - 0.13 * depth) * random.uniform(0.7, 1.2)
        x, y = random.random() * canvas.width, horizon * (0.12 + 0.75 * depth)
        puffs = _puffs(random, size)
        shade = mix(light.cloud, light.sky[1], 0.3 + 0.3 * depth)
        bright = mix(lighter(light.cloud, 0.4), light.haze, 0.6 * depth)
        lean = 0.16 if view.sun[0] > x else -0.16
        for colour, shrink in ((shade, 1.0), (bright, 0.8)):
            mask = _cumulus_mask(puffs, size, shrink, lean)
            canvas.image.paste(
                colour, (round(x - mask.width / 2), round(y - mask.height)), mask
            )


def _puffs(random: Random, size: float) -> list[tuple[float, float, float]]:
    """Return centre and radius of the circles of one cloud; its middle is the highest."""
    puffs: list[tuple[float, float, float]] = []
    for _ in range(random.randint(12, 17)):
        place = random.uniform(-1, 1)
        arch = 1 - place * place
        radius = size * (0.16 + 0.3 * arch * random.uniform(0.7, 1.0))
        puffs.append((place * size * 1.6, -random.random() * arch * size * 0.62, radius))
    return puffs


def _cumulus_mask(
    puffs: Sequence[tuple[float, float, float]], size: float, shrink: float, lean: float
) -> Image.Image:
    width, height = round(size * 4.4), round(size * 1.7)
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for dx, dy, radius in puffs:
        r = radius * shrink
        cx = width / 2 + dx + radius * lean * (1 - shrink) * 6
        cy = height * 0.78 + dy - radius * (1 - shrink) * 0.9
        draw.ellipse((cx - r, cy - r, cx + r, cy + r), 240)
    feet = [max(0, min(255, round(255 - (v - 140) * 3.4))) for v in range(256)]
    return ImageChops.multiply(mask, fade(mask.size, feet))


def paint_birds(view: View) -> None:
    """Draw a small flock, far away."""
    canvas, light, random, horizon = view.canvas, view.light, view.random, view.horizon
    colour = mix(light.shade, light.sky[1], 0.25)
    x, y = canvas.width * random.uniform(0.15, 0.8), horizon * random.uniform(0.15, 0.6)
    for _ in range(random.randint(3, 8)):
        size = canvas.unit * random.uniform(0.009, 0.019)
        bx = x + random.gauss(0, canvas.unit * 0.075)
        by = y + random.gauss(0, canvas.unit * 0.035)
        lift = random.uniform(0.2, 0.6) * size
        spread = ((-1, 1.0), (-0.45, 1.1), (0, 0.0), (0.45, 1.1), (1, 1.0))
        wing = [(bx + across * size, by - up * lift) for across, up in spread]
        canvas.draw.line(wing, fill=colour, width=max(2, round(size * 0.2)), joint="curve")


def paint_rainbow(view: View) -> None:
    """Draw a pale bow that ends at the horizon."""
    canvas, random, horizon = view.canvas, view.random, view.horizon
    x = canvas.width * random.uniform(0.3, 0.7)
    radius, band = canvas.unit * random.uniform(0.42, 0.55), canvas.unit * 0.013
    hues = ("#e8525a", "#f59a4c", "#f7dd6a", "#66c27c", "#5aa0dd", "#8d72c9")
    for number, hue in enumerate(hues):
        r = radius - number * band
        canvas.draw.arc(
            (x - r, horizon - r, x + r, horizon + r),
            180,
            360,
            fill=(*hexa(hue), 120),
            width=round(band * 1.15),
        )


def paint_aurora(view: View) -> None:
    """Hang curtains of green and violet light."""
    canvas, random, horizon = view.canvas, view.random, view.horizon
    size = (max(2, canvas.width // 8), max(2, round(horizon / 8)))
    for hue, share in (("#3fe0a0", 0.8), ("#8b6cf0", 0.45)):
        mask = Image.new("L", size)
        draw = ImageDraw.Draw(mask)
        phase, waves = random.random() * 6, random.uniform(1.0, 1.8)
        base = size[1] * random.uniform(0.55, 0.8)
        for x in range(size[0]):
            turn = x / size[0] * math.tau
            foot = base + size[1] * 0.16 * math.sin(turn * waves / 2 + phase)
            ray = 0.55 + 0.3 * math.sin(turn * waves * 2.3 + phase) + 0.15 * random.random()
            long = size[1] * (0.3 + 0.3 * ray)
            for step in range(10):
                top = foot - long * (step + 1) / 10
                alpha = round(255 * share * ray * (1 - step / 10) ** 1.2)
                draw.line((x, top, x, foot - long * step / 10), fill=alpha)
        coarse = scaled(mask, (max(1, size[0] // 3), max(1, size[1] // 2)))
        soft = scaled(coarse, size, SOFT)
        canvas.stain(soft, hexa(hue), 0, horizon)
