"""How far pictures are enlarged."""

from typing import Final

UPSCALE_FACTORS: Final = (2, 4)
MAX_UPSCALED_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 9_999
