"""Ground: ridges, mountains, hills and dunes, and the trees that stand on them."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from infra.simulator.painting.canvas import Canvas, Point
from infra.simulator.painting.colour import Colour, darker, lighter, mix
from infra.simulator.painting.view import View


def rolling(view: View, base: float, height: float, waves: float = 1.4) -> list[Point]:
    """Return a soft hill line from edge to edge; ``height`` is its swing in pixels."""
    canvas, random = view.canvas, view.random
    parts = [
        (
            random.uniform(0.5, 1.0) / n,
            waves * n * random.uniform(0.7, 1.3),
            random.random() * 7,
        )
        for n in (1, 2, 3)
    ]
    steps = 72
    line: list[Point] = []
    for step in range(steps + 1):
        place = step / steps
        swing = sum(a * math.sin(w * place * math.tau / 1.6 + p) for a, w, p in parts)
        line.append((place * canvas.width, base - swing * height / 1.6))
    return line


def jagged(
    random: Random, start: Point, end: Point, roughness: float, depth: int = 5
) -> list[Point]:
    """Return a broken line between two points (both included)."""
    line = [start, end]
    swing = roughness * abs(end[0] - start[0])
    for _ in range(depth):
        finer: list[Point] = []
        for (x1, y1), (x2, y2) in itertools.pairwise(line):
            middle = (x1 + x2) / 2, (y1 + y2) / 2 + random.uniform(-swing, swing)
            finer += [(x1, y1), middle]
        line = [*finer, end]
        swing *= 0.52
    return line


def height_at(line: Sequence[Point], x: float) -> float:
    """Return how high (y) a line runs at ``x``."""
    for (x1, y1), (x2, y2) in itertools.pairwise(line):
        if x1 <= x <= x2:
            return y1 + (y2 - y1) * (x - x1) / max(1e-6, x2 - x1)
    return line[0][1] if x < line[0][0] else line[-1][1]


def fill_under(canvas: Canvas, line: Sequence[Point], stops: Sequence[Colour]) -> None:
    """Fill from a line down to the bottom edge."""
    foot = canvas.height + 2
    canvas.area([*line, (line[-1][0], foot), (line[0][0], foot)], stops)


@dataclass(frozen=True, slots=True)
class Range:
    """A chain of peaks: where its foot is, how high it is (pixels), and how it looks."""

    base: float
    height: float
    colour: Colour
    distance: float
    snow: bool


def paint_range(view: View, chain: Range) -> None:
    """Draw a chain of peaks with a lit and a shaded side, their feet in the haze."""
    random, wide = view.random, view.canvas.width
    count = max(3, round(wide / chain.height * random.uniform(0.9, 1.3)))
    peaks = [
        ((n + random.uniform(0.1, 0.9)) / count * wide, random.uniform(0.5, 1.0))
        for n in range(-1, count + 1)
    ]
    for x, share in sorted(peaks, key=lambda peak: peak[1] + random.random() * 0.3):
        _mountain(view, chain, x, chain.height * share)
    view.canvas.mist(chain.base - chain.height * 0.55, chain.base, view.light.haze, 0.55)


def _mountain(view: View, chain: Range, x: float, tall: float) -> None:
    random, light, draw = view.random, view.light, view.canvas.draw
    peak, half = (x, chain.base - tall), tall * random.uniform(0.85, 1.25)
    left = jagged(random, (x - half, chain.base), peak, 0.1)
    right = jagged(random, peak, (x + half, chain.base), 0.1)
    foot = (x + random.uniform(-0.18, 0.18) * half, chain.base)
    spine = [peak]
    for step in range(1, 9):
        y = peak[1] + (foot[1] - peak[1]) * step / 8
        spine.append((x + (foot[0] - x) * step / 8 + random.uniform(-1, 1) * half * 0.07, y))
    sunny_left = view.sun[0] < x
    sunny, shady = (left[::-1], right) if sunny_left else (right, left[::-1])
    bright = light.on(lighter(chain.colour, 0.13), chain.distance)
    dark = light.on(darker(chain.colour, 0.3), chain.distance)
    draw.polygon([*left, *right], fill=dark)
    draw.polygon([*sunny, *spine[::-1]], fill=bright)
    if chain.snow:
        cap = tall * random.uniform(0.24, 0.42)
        white = light.on((246, 249, 255), chain.distance * 0.8)
        blue = light.on((166, 184, 220), chain.distance * 0.9)
        draw.polygon(_snow(random, sunny, spine, cap), fill=white)
        draw.polygon(_snow(random, shady, spine, cap), fill=blue)


def _snow(
    random: Random, edge: Sequence[Point], spine: Sequence[Point], cap: float
) -> list[Point]:
    """Return a cap between the outer edge and the spine, both of which start at the peak."""
    bottom = spine[0][1] + cap
    outer = [point for point in edge if point[1] <= bottom] or [spine[0]]
    inner = [point for point in spine if point[1] <= bottom]
    (x1, y1), (x2, y2) = outer[-1], inner[-1]
    teeth: list[Point] = []
    for step in range(1, 6):
        drip = cap * (random.uniform(0.1, 0.42) if step % 2 else random.uniform(-0.2, 0.0))
        teeth.append((x1 + (x2 - x1) * step / 6, y1 + (y2 - y1) * step / 6 + drip))
    return [*outer, *teeth, *inner[::-1]]


def paint_pine(canvas: Canvas, x: float, foot: float, tall: float, colour: Colour) -> None:
    """Draw one fir."""
    width = tall * 0.19
    points: list[Point] = [(x, foot - tall)]
    back: list[Point] = []
    tiers = 4
    for tier in range(1, tiers + 1):
        y = foot - tall + tall * 0.93 * tier / tiers
        out = width * (0.35 + 0.65 * tier / tiers)
        points += [(x + out, y), (x + out * 0.5, y - tall * 0.035)]
        back += [(x - out, y), (x - out * 0.5, y - tall * 0.035)]
    canvas.draw.polygon([*points[:-1], *back[-2::-1]], fill=colour)
    stem = max(1.0, tall * 0.02)
    canvas.draw.rectangle((x - stem, foot - tall * 0.08, x + stem, foot), fill=colour)


def paint_round_tree(
    canvas: Canvas, x: float, foot: float, tall: float, colour: Colour
) -> None:
    """Draw one leafy tree with a lit crown."""
    stem = max(1.0, tall * 0.045)
    canvas.draw.rectangle(
        (x - stem, foot - tall * 0.5, x + stem, foot), fill=darker(colour, 0.45)
    )
    r = tall * 0.3
    for dx, dy, size in ((-0.55, 0.1, 0.72), (0.55, 0.12, 0.7), (0, -0.28, 1.0)):
        cx, cy, cr = x + dx * r, foot - tall * 0.68 + dy * r, r * size
        canvas.draw.ellipse((cx - cr, cy - cr, cx + cr, cy + cr), fill=colour)
    cx, cy, cr = x - r * 0.25, foot - tall * 0.82, r * 0.5
    canvas.draw.ellipse((cx - cr, cy - cr, cx + cr, cy + cr), fill=lighter(colour, 0.1))


@dataclass(frozen=True, slots=True)
class Wood:
    """Trees on a line: colour, height in pixels, how many, firs or leafy ones."""

    colour: Colour
    tall: float
    count: int
    pine: bool


def plant(view: View, line: Sequence[Point], wood: Wood) -> None:
    """Set trees along a line in groves, and none where the subject stands."""
    random, wide = view.random, view.canvas.width
    groves = [random.random() * wide for _ in range(max(2, wood.count // 9))]
    draw = paint_pine if wood.pine else paint_round_tree
    for _ in range(wood.count):
        loose = random.random() < 0.3  # noqa: PLR2004 - the others keep together
        x = (
            random.random() * wide
            if loose
            else random.gauss(random.choice(groves), wood.tall * 1.6)
        )
        size = wood.tall * random.uniform(0.5, 1.15)
        shade = mix(wood.colour, (0, 0, 0), random.uniform(0, 0.12))
        if not view.clear[0] <= x <= view.clear[1]:
            draw(view.canvas, x, height_at(line, x) + size * 0.06, size, shade)
