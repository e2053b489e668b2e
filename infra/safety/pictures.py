"""Opens strangers' pictures: what is too large, damaged or something else is never unpacked.

The format is told by the first bytes and the size by the header, before anything is decoded.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infra.pictures import headers

SIDE: Final = 64
"""Pixels of a side of what is kept of a picture: enough for its fingerprints."""
MAX_FRAMES: Final = 1_000
LOOKED_AT: Final = 8
"""Of a picture that moves so many frames are looked at, evenly spread, the first among them."""
MAX_SCANS: Final = 64
"""Of a JPEG file. Honest ones have about ten; each costs a pass over all of its pixels."""

IMAGE_MB: Final = "limits.image_mb"
IMAGE_MPX: Final = "limits.image_mpx"
IMAGE_FORMAT: Final = "limits.image_format"
IMAGE_DAMAGED: Final = "limits.image_damaged"

_MILLION: Final = 1_000_000
_FORMATS: Final = MappingProxyType(
    {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
)
_WHITE: Final = 255


class PictureLimits(Protocol):
    """What a policy says about the size of pictures."""

    @property
    def image_mb(self) -> float:
        """Millions of bytes."""
        ...

    @property
    def image_mpx(self) -> float:
        """Millions of pixels of one frame; all frames together may have twice as many."""
        ...


class PictureRefusedError(Exception):
    """A picture that is not looked at.

    Attributes:
        rule: Which limit, as a path into the policy: ``limits.image_mpx``.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a picture that could be opened.

    Attributes:
        media_type: What it is, whatever its sender calls it.
        frames: How many it has.
        squares: Of the frames that were looked at: grey, 64 by 64, float32, 0 to 255.
    """

    media_type: str
    width: int
    height: int
    frames: int
    squares: Sequence[NDArray[np.float32]]


def look_at(data: bytes, limits: PictureLimits) -> Seen:
    """Return what a picture shows, in small.

    Raises:
        PictureRefusedError: It is no PNG, JPEG or WebP file, damaged, cut off, or too large.
    """
    if len(data) > limits.image_mb * _MILLION:
        raise PictureRefusedError(
            IMAGE_MB, f"the picture has {len(data)} bytes; {limits.image_mb:g} million may be"
        )
    kind = kind_of(data)
    if kind is None:
        raise PictureRefusedError(IMAGE_FORMAT, "not a PNG, JPEG or WebP file")
    try:
        with _opened(data, kind, limits) as image:
            # Checksums, where the format has some. Afterwards a picture is of no use.
            image.verify()
        with _opened(data, kind, limits) as image:
            frames = getattr(image, "n_frames", 1) if kind != "JPEG" else 1
            _hold_frames(image, frames, limits)
            # Of a JPEG file, looking changes it.
            width, height = image.size
            squares = [_square(image, n) for n in _chosen(frames)]
            return Seen(_FORMATS[kind], width, height, frames, squares)
    except PictureRefusedError:
        raise
    except Exception as error:
        # Foreign bytes bring out more than Pillow's own errors.
        raise PictureRefusedError(
            IMAGE_DAMAGED, f"the {kind} file is damaged or cut off"
        ) from error


def kind_of(data: bytes) -> str | None:
    """Return ``PNG``, ``JPEG`` or ``WEBP`` by a file's first bytes, else ``None``."""
    kind = headers.kind_of(data)
    return kind if kind in _FORMATS else None


def media_type_of(data: bytes) -> str | None:
    """Return the media type of the three by a file's first bytes, else ``None``."""
    kind = kind_of(data)
    return _FORMATS[kind] if kind else None


def square_of(image: Image.Image) -> NDArray[np.float32]:
    """Return a picture in grey, 64 by 64, as float32 from 0 to 255; what is clear is white."""
    if image.mode.startswith(("I", "F")):
        # 16 bits a channel, which conversion would clip.
        wide = np.asarray(image, dtype=np.float32)
        top = float(wide.max(initial=0.0))
        image = Image.fromarray(wide * (_WHITE / top if top > _WHITE else 1.0))
        small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return np.asarray(small, dtype=np.float32)
    if image.mode == "P" or (image.mode != "L" and "transparency" in image.info):
        image = image.convert("RGBA")
    elif image.mode == "RGB":
        # Grey first: one layer to make small instead of three.
        image = image.convert("L")
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if small.mode in {"RGBA", "LA", "PA"}:
        clear = small.convert("RGBA")
        ground = Image.new("RGBA", clear.size, (_WHITE,) * 4)
        small = Image.alpha_composite(ground, clear)
    return np.asarray(small.convert("L"), dtype=np.float32)


@contextmanager
def opened(data: bytes, limits: PictureLimits) -> Generator[Image.Image]:
    """Open a picture that is within the limits.

    Raises:
        PictureRefusedError: It is no PNG, JPEG or WebP file, or too large.
    """
    kind = kind_of(data)
    if kind is None:
        raise PictureRefusedError(IMAGE_FORMAT, "not a PNG, JPEG or WebP file")
    with _opened(data, kind, limits) as image:
        yield image


@contextmanager
def _opened(data: bytes, kind: str, limits: PictureLimits) -> Generator[Image.Image]:
    if kind == headers.WEBP:
        # Pillow takes memory for its canvas when it opens the file.
        stated = headers.size_of(data, kind)
        if stated is None:
            raise PictureRefusedError(IMAGE_DAMAGED, "the WebP file has no readable header")
        _hold_size(stated, limits)
    if kind == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS:
        raise PictureRefusedError(IMAGE_DAMAGED, f"a JPEG file of more than {MAX_SCANS} scans")
    try:
        image = Image.open(BytesIO(data), formats=(kind,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureRefusedError(IMAGE_MPX, "the picture would unpack to too much") from error
    with image:
        _hold_size(image.size, limits)
        yield image


def _hold_size(size: tuple[int, int] | None, limits: PictureLimits) -> None:
    if size is not None and not 0 < size[0] * size[1] <= limits.image_mpx * _MILLION:
        raise PictureRefusedError(
            IMAGE_MPX,
            f"a picture of {size[0]} x {size[1]} pixels; {limits.image_mpx:g} million may be",
        )


def _hold_frames(image: Image.Image, frames: int, limits: PictureLimits) -> None:
    pixels = image.width * image.height * frames
    if frames > MAX_FRAMES or pixels > 2 * limits.image_mpx * _MILLION:
        raise PictureRefusedError(IMAGE_MPX, f"{frames} frames are too much to unpack")


def _chosen(frames: int) -> list[int]:
    if frames <= LOOKED_AT:
        return list(range(frames))
    return sorted({round(n * (frames - 1) / (LOOKED_AT - 1)) for n in range(LOOKED_AT)})


def _square(image: Image.Image, frame: int) -> NDArray[np.float32]:
    if frame:
        image.seek(frame)
    # A JPEG file unpacks to an eighth of its size as fast as it can be read.
    image.draft("L", (2 * SIDE, 2 * SIDE))
    image.load()
    return square_of(image)
