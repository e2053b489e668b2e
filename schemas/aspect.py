"""From an aspect ratio to a size in pixels. Pure."""

import math
from collections.abc import Sequence
from typing import Final

MEGAPIXEL: Final = 1 << 20
STEP: Final = 64
_LEAST: Final = 256
_MOST: Final = 2048
# A ratio that is a hundredth off counts as much as four hundredths of the area.
_RATIO_COUNTS: Final = 4.0
_SIDES: Final = range(_LEAST, _MOST + STEP, STEP)


def size_of(ratio: str, sizes: Sequence[str] = ()) -> str:
    """Return the size, ``WIDTHxHEIGHT``, for a ratio such as ``16:9``.

    Args:
        ratio: From 1:4 to 4:1.
        sizes: What the model makes: the nearest by ratio, then the largest. Without it, sides
            that are multiples of 64, near the ratio, of about one megapixel.
    """
    across, _, down = ratio.partition(":")
    wanted = math.log(int(across) / int(down))
    known = [(int(w), int(h)) for w, x, h in (size.partition("x") for size in sizes) if x]
    if known:
        width, height = min(
            known, key=lambda one: (abs(math.log(one[0] / one[1]) - wanted), -one[0] * one[1])
        )
        return f"{width}x{height}"
    width, height = min(
        ((w, h) for w in _SIDES for h in _SIDES), key=lambda one: _cost(one, wanted)
    )
    return f"{width}x{height}"


def _cost(sides: tuple[int, int], wanted: float) -> tuple[float, int]:
    width, height = sides
    off = abs(math.log(width / height) - wanted)
    area = abs(math.log(width * height / MEGAPIXEL))
    return round(_RATIO_COUNTS * off + area, 9), width * height
