"""A pen that draws on a grid of 100 by 100, wherever, however large and tilted it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw

from infra.simulator.painting.canvas import Point
from infra.simulator.painting.colour import Colour

Ink = Colour | tuple[int, int, int, int]

GRID: Final = 100.0
# Room around the grid for what sticks out: tails, smoke, rays.
MARGIN: Final = 30.0
_OPAQUE_PARTS: Final = 3
_CURVE_STEPS: Final = 7
_OVAL_STEPS: Final = 40


@dataclass(frozen=True, slots=True)
class Tones:
    """The colours of a subject, already in the light of the scene.

    Attributes:
        base: Its own colour.
        light: The lit side.
        dark: The shaded side.
        second: Its second colour (a sail, a roof, a belly).
        white: White in this light.
        ink: Lines, eyes, openings.
        lamp: Lit windows and fire.
        lit: Whether lamps burn at this hour.
    """

    base: Colour
    light: Colour
    dark: Colour
    second: Colour
    white: Colour
    ink: Colour
    lamp: Colour
    lit: bool


class Pen:
    """Draws on a transparent layer; (0, 0) is the grid's upper left, (50, 100) its foot."""

    def __init__(self, size: float, *, tilt: float = 0.0, flip: bool = False) -> None:
        self._scale = size / GRID
        self._flip = flip
        self._cos, self._sin = math.cos(tilt), math.sin(tilt)
        side = max(1, round(self._scale * (GRID + 2 * MARGIN)))
        self.layer = Image.new("RGBA", (side, side))
        self._draw = ImageDraw.Draw(self.layer)

    def at(self, x: float, y: float) -> Point:
        """Return the pixel of the layer that a place on the grid falls on."""
        dx, dy = x - GRID / 2, y - GRID / 2
        if self._flip:
            dx = -dx
        turned_x = dx * self._cos - dy * self._sin + GRID / 2 + MARGIN
        turned_y = dx * self._sin + dy * self._cos + GRID / 2 + MARGIN
        return turned_x * self._scale, turned_y * self._scale

    def shape(self, path: str, ink: Ink) -> None:
        """Fill a closed outline: see `outline` for how it is written."""
        self.polygon(outline(path), ink)

    def polygon(self, points: Sequence[Point], ink: Ink) -> None:
        """Fill straight between points."""
        placed = [self.at(x, y) for x, y in points]
        if len(ink) == _OPAQUE_PARTS or ink[3] == 0:
            self._draw.polygon(placed, fill=ink)
        else:
            self._veil(placed, ink)

    def _veil(self, points: Sequence[Point], ink: Ink) -> None:
        """Fill with a translucent ink; drawing it directly would punch a hole instead."""
        left, top = (max(0, math.floor(min(part))) for part in zip(*points, strict=True))
        right, bottom = (math.ceil(max(part)) for part in zip(*points, strict=True))
        patch = Image.new("RGBA", (max(1, right - left), max(1, bottom - top)), (*ink[:3], 0))
        ImageDraw.Draw(patch).polygon([(x - left, y - top) for x, y in points], fill=ink)
        self.layer.alpha_composite(patch, (left, top))

    def box(self, left: float, top: float, right: float, bottom: float, ink: Ink) -> None:
        """Fill a rectangle."""
        self.polygon(((left, top), (right, top), (right, bottom), (left, bottom)), ink)

    def oval(self, x: float, y: float, wide: float, tall: float, ink: Ink) -> None:
        """Fill an ellipse around ``x, y`` with radii ``wide`` and ``tall``."""
        self.polygon(_oval(x, y, wide, tall), ink)

    def disc(self, x: float, y: float, radius: float, ink: Ink) -> None:
        """Fill a circle."""
        self.oval(x, y, radius, radius, ink)

    def line(self, path: str, width: float, ink: Ink) -> None:
        """Draw along an open path with round ends."""
        points = [self.at(x, y) for x, y in outline(path, closed=False)]
        thick = max(1, round(width * self._scale))
        self._draw.line(points, fill=ink, width=thick, joint="curve")
        r = thick / 2
        for x, y in (points[0], points[-1]):
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)


def _oval(x: float, y: float, wide: float, tall: float) -> list[Point]:
    turns = (math.tau * step / _OVAL_STEPS for step in range(_OVAL_STEPS))
    return [(x + wide * math.cos(turn), y + tall * math.sin(turn)) for turn in turns]


@lru_cache(maxsize=512)
def outline(path: str, *, closed: bool = True) -> tuple[Point, ...]:
    """Return the points of a path such as ``"10,20 30,5! 50,20"``.

    The line bends softly through the points; ``!`` marks a sharp corner.
    """
    points: list[Point] = []
    sharp: list[bool] = []
    for word in path.split():
        x, y = word.rstrip("!").split(",")
        points.append((float(x), float(y)))
        sharp.append(word.endswith("!"))
    count = len(points)
    out: list[Point] = []
    for index in range(count if closed else count - 1):
        after = (index + 1) % count
        start, end = points[index], points[after]
        before = start if sharp[index] or not (closed or index) else points[index - 1]
        beyond = end if sharp[after] else _next(points, after, closed=closed)
        out += [
            _bend(before, start, end, beyond, step / _CURVE_STEPS)
            for step in range(_CURVE_STEPS)
        ]
    return (*out, points[-1]) if not closed else tuple(out)


def _next(points: Sequence[Point], index: int, *, closed: bool) -> Point:
    if index + 1 < len(points):
        return points[index + 1]
    return points[0] if closed else points[index]


def _bend(before: Point, start: Point, end: Point, beyond: Point, t: float) -> Point:
    def one(a: float, b: float, c: float, d: float) -> float:
        return 0.5 * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t * t
            + (3 * b - a - 3 * c + d) * t * t * t
        )

    return (
        one(before[0], start[0], end[0], beyond[0]),
        one(before[1], start[1], end[1], beyond[1]),
    )
