"""What becomes of pictures that are sent: changed where they may be, else kept."""

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageOps

from infra.simulator.painting.painting import paint
from infra.simulator.painting.pixels import SHARP, scaled

# How much of the new picture shows where nothing says which part is edited.
_FAITHFUL: Final = 0.3
_FREE: Final = 0.55


def edit(
    pictures: Sequence[Image.Image],
    mask: Image.Image | None,
    words: tuple[str, int, int],
    size: tuple[int, int],
    *,
    faithful: bool,
) -> Image.Image:
    """Return what a prompt makes of pictures.

    Where the mask, or else the first picture, is clear, a new picture is painted; where it is
    opaque the old pixels stay, to the bit if the size is the same. Without either the new
    picture shines through the mean of the old ones.

    Args:
        pictures: At least one.
        mask: Of the size of the first.
        words: Prompt, seed and number, as ``paint`` takes them.
        size: Of the result.
        faithful: Whether more is to be seen of what was sent.
    """
    prompt, seed, index = words
    new = paint(prompt, seed, index, *size)
    old = _mean([_fitted(picture, size).convert("RGB") for picture in pictures])
    kept = _opacity(mask or pictures[0], size)
    if kept is not None:
        return Image.composite(old, new, kept)
    return Image.blend(old, new, _FAITHFUL if faithful else _FREE)


def upscale(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture at another size by Lanczos' filter: no model, nothing invented."""
    return scaled(_plain(picture), size, SHARP)


def _opacity(picture: Image.Image, size: tuple[int, int]) -> Image.Image | None:
    """Return what is opaque, as 0 to 255; ``None``: all of it is."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return None
    alpha = _fitted(picture.convert("RGBA"), size).getchannel("A")
    least, _ = alpha.getextrema()
    return None if least == 255 else alpha  # noqa: PLR2004 - the most a byte holds


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture that fills ``size``: its middle, if the ratio is another."""
    plain = _plain(picture)
    return plain if plain.size == size else ImageOps.fit(plain, size, SHARP)


def _plain(picture: Image.Image) -> Image.Image:
    clear = "A" in picture.getbands() or "transparency" in picture.info
    return picture.convert("RGBA" if clear else "RGB")


def _mean(pictures: Sequence[Image.Image]) -> Image.Image:
    mixed = pictures[0]
    for number, picture in enumerate(pictures[1:], start=2):
        mixed = Image.blend(mixed, picture, 1 / number)
    return mixed
