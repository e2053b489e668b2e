"""The picture while it is painted: at twice its size, with the few strokes all scenes share."""

import math
from collections.abc import Sequence
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw

from infra.simulator.painting.colour import Colour, ramp
from infra.simulator.painting.pixels import PLAIN, SHARP, SOFT, mapped, scaled

Point = tuple[float, float]

# Twice the size and halved at the end smooths every edge; beyond this many pixels a picture
# is painted at 1.25 times instead, so that one call cannot take a gigabyte.
_FULL_QUALITY_PIXELS: Final = 1600 * 1600
_RAMP_STEPS: Final = 64
# Pillow's radial gradient has this value in the middle of its edges (255 in the corners).
_RIM: Final = 179


class Canvas:
    """An RGB image under the brush; lengths are pixels of the enlarged picture.

    Attributes:
        image: What is painted so far.
        width: Pixels across.
        height: Pixels down.
        unit: The shorter side, the measure of everything that must not be stretched.
    """

    def __init__(self, width: int, height: int) -> None:
        factor = 2.0 if width * height <= _FULL_QUALITY_PIXELS else 1.25
        self.width = round(width * factor)
        self.height = round(height * factor)
        self.unit = min(self.width, self.height)
        self._size = (width, height)
        self.image = Image.new("RGB", (self.width, self.height))
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def finished(self) -> Image.Image:
        """Return the picture at the size that was asked for."""
        if self.image.size == (self._size[0] * 2, self._size[1] * 2):
            return self.image.reduce(2)
        return scaled(self.image, self._size, SHARP)

    def gradient(self, top: float, bottom: float, stops: Sequence[Colour]) -> None:
        """Fill the band from ``top`` to ``bottom`` with colours that run through ``stops``."""
        first, last = max(0, round(top)), min(self.height, round(bottom))
        if last > first:
            self.image.paste(self.ramp_image((self.width, last - first), stops), (0, first))

    @staticmethod
    def ramp_image(size: tuple[int, int], stops: Sequence[Colour]) -> Image.Image:
        """Return an image whose rows run through ``stops`` from top to bottom."""
        column = Image.frombytes("RGB", (1, _RAMP_STEPS), ramp(stops, _RAMP_STEPS))
        return scaled(scaled(column, (1, size[1])), size, PLAIN)

    def area(self, points: Sequence[Point], stops: Sequence[Colour]) -> None:
        """Fill a polygon with a gradient that runs from its highest to its lowest point."""
        if len(stops) == 1:
            self.draw.polygon(points, fill=stops[0])
            return
        top = max(0, math.floor(min(y for _, y in points)))
        bottom = min(self.height, math.ceil(max(y for _, y in points)))
        if bottom <= top:
            return
        mask = Image.new("1", (self.width, bottom - top))
        ImageDraw.Draw(mask).polygon([(x, y - top) for x, y in points], fill=1)
        self.image.paste(self.ramp_image(mask.size, stops), (0, top), mask)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Spread a soft round light."""
        side = max(2, round(radius * 2))
        curve = [round(strength * 255 * max(0.0, 1 - v / _RIM) ** 1.9) for v in range(256)]
        mask = scaled(mapped(Image.radial_gradient("L"), curve), (side, side))
        self.image.paste(colour, (round(x - radius), round(y - radius)), mask)

    def mist(
        self, top: float, bottom: float, colour: Colour, strength: float, *, down: bool = True
    ) -> None:
        """Veil a band, thickest at its bottom (``down``) or its top."""
        first, last = max(0, round(top)), min(self.height, round(bottom))
        if last - first < 2:  # noqa: PLR2004 - nothing to see in a line
            return
        steps = [round(255 * strength * (v / 255) ** 1.5) for v in range(256)]
        mask = fade((self.width, last - first), steps if down else steps[::-1])
        self.image.paste(colour, (0, first), mask)

    def noise(self, random: Random, cells: Sequence[tuple[int, int]]) -> Image.Image:
        """Return soft grey clouds of chance, a quarter of the canvas wide and high.

        Args:
            random: Decides where they are.
            cells: Columns and rows of each layer, coarse to fine; each counts half the last.
        """
        size = (max(2, self.width // 4), max(2, self.height // 4))
        result = Image.new("L", size)
        weight, total = 1.0, 0.0
        for columns, rows in cells:
            grain = Image.frombytes("L", (columns, rows), random.randbytes(columns * rows))
            total += weight
            layer = scaled(grain, size, SOFT)
            result = Image.blend(result, layer, weight / total)
            weight /= 2
        return result

    def stain(self, mask: Image.Image, colour: Colour, top: float, bottom: float) -> None:
        """Lay ``colour`` over a band of the picture through a mask of any size."""
        first, last = max(0, round(top)), min(self.height, round(bottom))
        if last > first:
            wide = scaled(mask, (self.width, last - first))
            self.image.paste(colour, (0, first), wide)

    def lay(self, layer: Image.Image, x: float, y: float) -> None:
        """Put a transparent layer on the picture with its corner at ``x, y``."""
        self.image.paste(layer, (round(x), round(y)), layer)


def fade(size: tuple[int, int], steps: Sequence[int]) -> Image.Image:
    """Return a mask that runs from top to bottom through ``steps`` (256 values)."""
    column = Image.frombytes("L", (1, 256), bytes(steps))
    return scaled(scaled(column, (1, size[1])), size, PLAIN)


def relief(mask: Image.Image, dx: int, dy: int) -> Image.Image:
    """Return where ``mask`` rises towards the light that stands at ``dx, dy``."""
    moved = mask.copy()
    moved.paste(mask, (dx, dy))
    return ImageChops.subtract(mask, moved)
