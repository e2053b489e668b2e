"""Pictures that callers send, held as they came and unpacked only where they are drawn on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from infra.simulator.refusal import RefusalError, bad_value

MOST_PIXELS: Final = 4096 * 4096
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
NOTHING: Final = "0" * 16


@dataclass(frozen=True, slots=True)
class Sources:
    """What an edit begins with. Two are the same if their bytes are.

    Attributes:
        digest: Of all bytes, in their order.
        upscales: Whether they are only to be made larger.
        faithful: Whether more of them is to be kept.
    """

    digest: str
    upscales: bool = False
    faithful: bool = False
    pictures: Sequence[bytes] = field(default=(), compare=False, repr=False)
    mask: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def weight(self) -> int:
        """How many bytes they are."""
        return sum(map(len, self.pictures)) + len(self.mask or b"")


def digest_of(pictures: Sequence[bytes], mask: bytes | None = None) -> str:
    """Return 16 hexadecimal digits that these bytes, in this order, are known by."""
    digest = hashlib.blake2b(digest_size=8)
    for picture in pictures:
        digest.update(b"picture%d:" % len(picture))
        digest.update(picture)
    if mask is not None:
        digest.update(b"mask:")
        digest.update(mask)
    return digest.hexdigest()


def size_of(data: bytes, name: str) -> tuple[int, int]:
    """Return the sides of a picture, as its header has them.

    Raises:
        RefusalError: 400; it is none, or would unpack to too much.
    """
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
    except Exception:  # noqa: BLE001 - foreign bytes bring out more than Pillow's own errors
        raise bad_value(name, f"'{name}' is not a PNG, JPEG or WebP picture.") from None
    if width * height > MOST_PIXELS:
        raise bad_value(name, f"'{name}' has more than {MOST_PIXELS} pixels.")
    return width, height


def unpacked(data: bytes, name: str) -> Image.Image:
    """Return a picture whose size was looked at, upright.

    Raises:
        RefusalError: 400; it is damaged or cut off.
    """
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            image.load()
            return ImageOps.exif_transpose(image)
    except RefusalError:
        raise
    except Exception:  # noqa: BLE001 - as in ``size_of``
        raise bad_value(name, f"'{name}' is damaged or cut off.") from None
