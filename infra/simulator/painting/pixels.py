"""The two Pillow calls whose types name NumPy, which is no dependency: typed here, once."""

from collections.abc import Sequence

from PIL import Image

SMOOTH = Image.Resampling.BILINEAR
SOFT = Image.Resampling.BICUBIC
PLAIN = Image.Resampling.NEAREST
MEAN = Image.Resampling.BOX
SHARP = Image.Resampling.LANCZOS


def scaled(
    image: Image.Image, size: tuple[int, int], how: Image.Resampling = SMOOTH
) -> Image.Image:
    """Return ``image`` at another size."""
    return image.resize(size, how)  # pyright: ignore[reportUnknownMemberType] - names NumPy


def mapped(image: Image.Image, curve: Sequence[int]) -> Image.Image:
    """Return ``image`` with each grey value replaced by ``curve[value]`` (256 values)."""
    return image.point(curve)  # pyright: ignore[reportUnknownMemberType] - names NumPy


def coarse(image: Image.Image, halvings: int) -> Image.Image:
    """Return ``image`` with as little detail as if its sides had been halved so often."""
    small = max(1, image.width >> halvings), max(1, image.height >> halvings)
    return scaled(scaled(image, small, MEAN), image.size)
