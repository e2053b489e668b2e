"""The model that genq runs itself: pictures are enlarged, and nothing is invented."""

import asyncio
import base64
import binascii
from io import BytesIO
from typing import Any, Final

from PIL import Image

from infra.pictures.depth import eight_bits
from schemas.claim import Claim
from schemas.errors import FieldError, InputError, ModelBadAnswerError
from schemas.generation import Usage
from schemas.model_catalog import OWN_MODEL, OWN_SERVER
from schemas.upscaling import MAX_SIDE, MAX_UPSCALED_PIXELS
from worker.providers.picture import Picture, read_picture
from worker.providers.provider import Reply

BY: Final = "lanczos"
"""What ``output.upscaled_by`` says of it."""
_FACTOR: Final = 2
_AUTO: Final = "auto"
_FORMATS: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_QUALITY: Final = 95
# A mask, several pictures and the like mean nothing to it.
_TAKEN: Final = frozenset({"prompt", "images", "size", "n", "output_format", "seed"})


class OwnPictures:
    """Enlarges one picture by Lanczos's filter, in a thread of the worker.

    ``size`` is the wanted one, or double the picture's; ``output_format`` the picture's own.
    The prompt means nothing.
    """

    async def generate(self, claim: Claim) -> Reply:
        """Return the picture, larger. See ``Provider.generate``."""
        given = claim.input
        unknown = sorted(set(given) - _TAKEN)
        if unknown:
            raise _fault(unknown[0], f"means nothing to {OWN_MODEL}: leave it out")
        if given.get("n", 1) != 1 or len(given["images"]) != 1:
            raise _fault("images", f"{OWN_MODEL} takes one picture, and makes one")
        picture = _picture(given["images"][0])
        size = _size(given, picture)
        wanted = given.get("output_format")
        content_type = f"image/{wanted}" if wanted else picture.content_type
        data = await asyncio.to_thread(_enlarged, picture.data, size, content_type)
        made = Picture(data, content_type, *size)
        return Reply(pictures=(made,), usage=Usage(images=1), details={"upscaled_by": BY})


def _picture(reference: str) -> Picture:
    try:
        data = base64.b64decode(reference.partition(",")[2], validate=True)
        picture = read_picture(data, server=OWN_SERVER.name)
    except (binascii.Error, ValueError, ModelBadAnswerError):
        picture = None
    if picture is None or picture.content_type not in _FORMATS:
        raise _fault("images/0", "is no PNG, JPEG or WebP file, or a damaged one")
    return picture


def _size(given: Any, picture: Picture) -> tuple[int, int]:
    told: str = given.get("size") or _AUTO
    if told == _AUTO:
        size = picture.width * _FACTOR, picture.height * _FACTOR
    else:
        width, _, height = told.partition("x")
        size = int(width), int(height)
    if size[0] < picture.width or size[1] < picture.height:
        raise _fault("size", f"is smaller than the picture: {OWN_MODEL} only enlarges")
    if max(size) > MAX_SIDE or size[0] * size[1] > MAX_UPSCALED_PIXELS:
        raise _fault(
            "size", f"is too large: at most {MAX_UPSCALED_PIXELS} pixels, {MAX_SIDE} a side"
        )
    return size


def _enlarged(data: bytes, size: tuple[int, int], content_type: str) -> bytes:
    made = BytesIO()
    try:
        with Image.open(BytesIO(data), formats=tuple(_FORMATS.values())) as opened:
            alpha = opened.has_transparency_data and content_type != "image/jpeg"
            image = eight_bits(opened).convert("RGBA" if alpha else "RGB")
    except (OSError, ValueError, SyntaxError):
        raise _fault("images/0", "is a damaged file") from None
    image.resize(size, Image.Resampling.LANCZOS).save(
        made, _FORMATS[content_type], quality=_QUALITY
    )
    return made.getvalue()


def _fault(place: str, what: str) -> InputError:
    pointer = f"/input/{place}"
    return InputError(f"{pointer} {what}", fields=[FieldError(pointer, what)])
