"""Grey of 16 bits, which Pillow would clip to white, in the 8 bits of everything else. Pure."""

from typing import Final

from PIL import Image

_WIDE: Final = "I;16"
# 65,535 becomes 255.
_STEP: Final = 257
_KEY: Final = "transparency"


def eight_bits(image: Image.Image) -> Image.Image:
    """Return grey of 16 bits in 8, rounded; any other picture as it is."""
    if not image.mode.startswith(_WIDE):
        return image
    grey = image.point(lambda value: value * (1 / _STEP) + 0.5).convert("L")
    key = image.info.get(_KEY)
    # The grey that stands for clear is one of 16 bits, too.
    grey.info = {name: told for name, told in image.info.items() if name != _KEY}
    if isinstance(key, int):
        grey.info[_KEY] = round(key / _STEP)
    return grey
