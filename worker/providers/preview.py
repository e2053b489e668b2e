"""Small pictures of what a model server has painted so far."""

import asyncio
import warnings
from io import BytesIO
from typing import Final

from PIL import Image

from infra.pictures.depth import eight_bits
from infra.progress import MAX_PREVIEW_BYTES
from schemas.errors import ModelBadAnswerError
from worker.providers.picture import read_picture

_SIDE: Final = 320
_QUALITIES: Final = (75, 50, 25)
# A preview is a courtesy: what would take much memory to open gets none.
_MAX_PIXELS: Final = 16_000_000


async def preview_of(data: bytes, *, server: str) -> bytes | None:
    """Return a JPEG of at most ``MAX_PREVIEW_BYTES``; ``None`` if it cannot be made.

    Args:
        data: What claims to be a picture.
        server: The model server it came from.
    """
    try:
        picture = read_picture(data, server=server)
    except ModelBadAnswerError:
        return None
    if picture.width * picture.height > _MAX_PIXELS:
        return None
    return await asyncio.to_thread(_small, data)


def _small(data: bytes) -> bytes | None:
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data)) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            small = eight_bits(image).convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
    except Exception:  # noqa: BLE001 - foreign bytes bring out more than Pillow's own errors
        return None
    for quality in _QUALITIES:
        file = BytesIO()
        small.save(file, "JPEG", quality=quality)
        if file.tell() <= MAX_PREVIEW_BYTES:
            return file.getvalue()
    return None
