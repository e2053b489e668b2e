"""Are these bytes a picture? Read from the header alone: nothing is ever decompressed."""

import base64
import binascii
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Final

from PIL import Image

from schemas.errors import InputError, ModelBadAnswerError

# Whoever opens the picture later must hold four bytes per pixel: 320 MB here. Pillow itself
# begins to complain a little above.
MAX_PIXELS: Final = 80_000_000

_TAIL: Final = 4_096
_READERS: Final = ("PNG", "JPEG", "WEBP", "GIF")
# MPO is how Pillow calls a JPEG file that holds a second picture behind the first.
_CONTENT_TYPES: Final[Mapping[str | None, str]] = MappingProxyType(
    {
        "PNG": "image/png",
        "JPEG": "image/jpeg",
        "MPO": "image/jpeg",
        "WEBP": "image/webp",
        "GIF": "image/gif",
    }
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One generated picture, as encoded by the model server.

    Attributes:
        data: The whole file.
        content_type: What the bytes are, whatever the server called them.
        width: In pixels.
        height: In pixels.
    """

    data: bytes
    content_type: str
    width: int
    height: int


def read_picture(data: bytes, *, server: str) -> Picture:
    """Return ``data`` with its type and dimensions.

    Args:
        data: What claims to be a PNG, JPEG, WebP or GIF file.
        server: The model server it came from, for the error.

    Raises:
        ModelBadAnswerError: It is none of these, its header is damaged, its end is missing, or
            it would unpack to more than ``MAX_PIXELS``.
    """
    try:
        # A strange Exif block is worth a warning to Pillow, and no line of our log.
        with warnings.catch_warnings(action="ignore"), _opened(data) as image:
            content_type = _CONTENT_TYPES[image.format]
            width, height = image.size
        if not _has_its_end(data):
            raise ValueError("cut off")  # noqa: TRY301 - one meaning for all that is damaged
    except Exception:  # noqa: BLE001 - foreign bytes bring out more than Pillow's own errors
        raise ModelBadAnswerError(
            f"model server {server} gave {len(data)} bytes that are no PNG, JPEG, WebP or GIF "
            "file, or a damaged one: submit the job again later"
        ) from None
    if not 0 < width * height <= MAX_PIXELS:
        raise ModelBadAnswerError(
            f"model server {server} gave an image of {width} x {height} pixels; at most "
            f"{MAX_PIXELS} are accepted: ask for a smaller size"
        )
    return Picture(data, content_type, width, height)


def given_picture(url: str, place: str) -> Picture:
    """Return the picture of a job's input, which is a data URL.

    Args:
        url: The data URL.
        place: Where it stands in the input, such as ``images/0``.

    Raises:
        InputError: It holds no picture that a model server could be given.
    """
    _, _, body = url.partition(",")
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    try:
        return read_picture(data, server="input")
    except ModelBadAnswerError:
        raise InputError(
            f"/input/{place} is no PNG, JPEG or WebP file, is damaged, or is too large; send "
            "another picture"
        ) from None


def _has_its_end(data: bytes) -> bool:
    """Return whether a file was not cut off, as far as its format tells.

    What cameras write behind a picture does no harm.
    """
    if data.startswith(b"\x89PNG"):
        end = b"IEND"
    elif data.startswith(b"\xff\xd8"):
        end = b"\xff\xd9"
    elif data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 <= len(data)
    else:
        return True
    # It is nearly always the last there is.
    return data.endswith(end) or end in data[-_TAIL:] or end in data


def _opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data), formats=_READERS)
