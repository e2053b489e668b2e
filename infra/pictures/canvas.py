"""Lays a picture on a larger canvas, with the mask that leaves the rest open. Pure."""

from io import BytesIO
from typing import Final

from PIL import Image, ImageFilter

from infra.pictures.depth import eight_bits
from schemas.canvas import Canvas

_BLUR_SHARE: Final = 16
# The hint is blurred anyway: so many pixels of it are enough.
_HINT: Final = 256


def laid_out(data: bytes, canvas: Canvas) -> tuple[bytes, bytes]:
    """Return the canvas and its mask, both PNG files of its size.

    Around the picture lies a blurred enlargement of it: models that look at what they paint
    over go on in its colours. The mask is OpenAI's: transparent where the model is to paint,
    opaque over the picture.

    Args:
        data: A file that Pillow reads, of a believable size.
        canvas: Where the picture lies.
    """
    whole, box = (canvas.width, canvas.height), (canvas.picture_width, canvas.picture_height)
    with Image.open(BytesIO(data)) as opened:
        picture = eight_bits(opened).convert("RGB")
    placed = picture if picture.size == box else picture.resize(box, Image.Resampling.LANCZOS)
    around = _hint(picture, whole)
    around.paste(placed, (canvas.x, canvas.y))
    mask = Image.new("RGBA", whole, (0, 0, 0, 0))
    mask.paste((0, 0, 0, 255), (canvas.x, canvas.y, canvas.x + box[0], canvas.y + box[1]))
    return _png(around), _png(mask)


def _hint(picture: Image.Image, whole: tuple[int, int]) -> Image.Image:
    small = picture.copy()
    small.thumbnail((_HINT, _HINT))
    radius = max(1, max(small.size) // _BLUR_SHARE)
    return small.filter(ImageFilter.GaussianBlur(radius)).resize(whole)


def _png(image: Image.Image) -> bytes:
    made = BytesIO()
    image.save(made, "PNG", compress_level=1)
    return made.getvalue()
