"""Makes strangers' pictures plain: the pixels that people see, in a file that holds no more.

Exif, XMP, comments, profiles, further frames, thumbnails, gain maps and whatever stands behind
the end of a file are gone, because the file is written anew. What the metadata meant is done
first: the picture is turned the right way up, and its colours become sRGB.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np
from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from infra.pictures.headers import (
    AVIF,
    GIF,
    HEIC,
    JPEG,
    PNG,
    WEBP,
    is_lossless_webp,
    kind_of,
    orientation_of,
    size_of,
    stated_size,
)

READ: Final = "PNG, JPEG, WebP, GIF or AVIF"
"""What is read. HEIC, which phones write, is not: Pillow has no decoder for it."""
MAX_SIDE: Final = 30_000
"""Pixels: of a picture a pixel high, whoever works with it may still make a square."""
MAX_SCANS: Final = 64
"""Of a JPEG file. Honest ones have about ten; each costs a pass over all of its pixels."""

_CUT: Final = "is damaged or cut off: its {} file cannot be unpacked to the end"
_PNG_END: Final = b"IEND\xaeB\x60\x82"
_LARGE: Final = 12_000_000
"""Pixels, from which on only one picture is unpacked at a time in a process."""
_QUALITIES: Final = (95, 85)
_MOST_PROFILE: Final = 4 << 20
_OPENERS: Final = MappingProxyType(
    {
        PNG: PngImagePlugin.PngImageFile,
        JPEG: JpegImagePlugin.JpegImageFile,
        WEBP: WebPImagePlugin.WebPImageFile,
        GIF: GifImagePlugin.GifImageFile,
        AVIF: AvifImagePlugin.AvifImageFile,
    }
)
_UPRIGHT: Final = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_SIDEWAYS: Final = range(5, 9)
_CLEAR: Final = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_WIDE: Final = ("I", "F")
_one_large = threading.Lock()


class UnfitPictureError(Exception):
    """A picture that is not taken; the message says why, and goes on after "the picture"."""


@dataclass(frozen=True, slots=True)
class PictureBounds:
    """How large a picture may be.

    Attributes:
        bytes: Of its file, and of the file that it becomes.
        pixels: Of one frame, by its header, before anything is unpacked.
    """

    bytes: int
    pixels: int


@dataclass(frozen=True, slots=True)
class PlainPicture:
    """A picture and nothing else.

    Attributes:
        data: A PNG file, or a JPEG file where a lossy one without transparency came.
        content_type: ``image/png`` or ``image/jpeg``.
        width: In pixels, the right way up.
        height: In pixels.
    """

    data: bytes
    content_type: str
    width: int
    height: int


def plain_picture(data: bytes, bounds: PictureBounds, *, mask: bool = False) -> PlainPicture:
    """Return a picture written anew. Takes a processor for up to seconds: call it in a thread.

    The same bytes always become the same bytes. Of a picture that moves its first frame is
    kept. 16 bits a channel become 8; palettes, CMYK and grey become RGB or RGBA; pixels that
    are clear keep their colours, and edges their transparency.

    Args:
        data: A file of whatever kind.
        bounds: How large it may be.
        mask: Whether it says where to edit: its values are kept as they are, in a PNG file.

    Raises:
        UnfitPictureError: It is no picture that can be read, it is damaged or cut off, or
            larger than ``bounds``.
    """
    if len(data) > bounds.bytes:
        raise UnfitPictureError(f"has {len(data)} bytes; {bounds.bytes} may be")
    kind = kind_of(data)
    if kind == HEIC:
        raise UnfitPictureError("is a HEIC file, which is not read: send it as JPEG or PNG")
    if kind is None:
        raise UnfitPictureError(f"is no {READ} file")
    if kind == JPEG and data.count(b"\xff\xda") > MAX_SCANS:
        raise UnfitPictureError(f"is a JPEG file of more than {MAX_SCANS} scans")
    stated = size_of(data, kind)
    if stated is not None:
        _hold_size(stated, bounds)
    if kind == PNG and _PNG_END not in data:
        # Pillow takes a file whose pixels are all there.
        raise UnfitPictureError(_CUT.format(PNG))
    try:
        return _read(data, kind, bounds, mask=mask)
    except UnfitPictureError:
        raise
    except Exception as error:
        # Foreign bytes bring out more than Pillow's own errors.
        raise UnfitPictureError(_CUT.format(kind)) from error


def is_large(data: bytes) -> bool:
    """Tell by its header whether a picture is unpacked alone; if that says nothing, it is.

    What is not read at all is not. Nothing is unpacked.
    """
    kind = kind_of(data)
    if kind is None or kind not in _OPENERS:
        return False
    stated = stated_size(data, kind)
    return stated is None or stated[0] * stated[1] >= _LARGE


def is_sideways(data: bytes) -> bool:
    """Tell whether width and height change places when a picture is turned the right way up.

    Nothing is unpacked. Of what cannot be read, no.
    """
    kind = kind_of(data)
    if kind is None or kind not in _OPENERS:
        return False
    try:
        with _OPENERS[kind](BytesIO(data)) as image:
            exif: object = cast("dict[Any, Any]", image.info).get("exif")
    except Exception:  # noqa: BLE001 - foreign bytes bring out more than Pillow's own errors
        return False
    return isinstance(exif, bytes) and orientation_of(exif) in _SIDEWAYS


def _read(data: bytes, kind: str, bounds: PictureBounds, *, mask: bool) -> PlainPicture:
    lossy = kind in {JPEG, AVIF} or (kind == WEBP and not is_lossless_webp(data))
    with _OPENERS[kind](BytesIO(data)) as image:
        _hold_size(image.size, bounds)
        if image.width * image.height < _LARGE:
            return _written(image, bounds, lossy=lossy, mask=mask)
        with _one_large:
            return _written(image, bounds, lossy=lossy, mask=mask)


def _written(
    image: ImageFile.ImageFile, bounds: PictureBounds, *, lossy: bool, mask: bool
) -> PlainPicture:
    image.load()
    # A frame may be larger than the screen that its header tells.
    _hold_size(image.size, bounds)
    info: dict[Any, Any] = image.info
    clear = image.mode in _CLEAR or "transparency" in info
    pixels = _eight_bits(image, clear=clear)
    if clear:
        # While Pillow still knows which colour is clear: other colours forget it.
        pixels = _as(pixels, "RGBA")
    if not mask:
        pixels = _in_srgb(pixels, info.get("icc_profile"))
    pixels = _as(pixels, "RGBA" if clear else "RGB")
    exif: object = info.get("exif")
    turn = _UPRIGHT.get(orientation_of(exif)) if isinstance(exif, bytes) else None
    if turn is not None:
        pixels = pixels.transpose(turn)
    # What Pillow remembers beside the pixels would be written, too.
    pixels.info.clear()
    jpeg = lossy and not clear and not mask
    made = _jpeg(pixels, bounds) if jpeg else _png(pixels)
    if len(made) > bounds.bytes:
        raise UnfitPictureError(
            f"has {len(made)} bytes once it is written anew; {bounds.bytes} may be"
        )
    return PlainPicture(
        made, "image/jpeg" if jpeg else "image/png", pixels.width, pixels.height
    )


def _jpeg(pixels: Image.Image, bounds: PictureBounds) -> bytes:
    """Return a JPEG file: of a better quality if that is within the bounds."""
    made = BytesIO()
    for quality in _QUALITIES:
        made = BytesIO()
        pixels.save(made, JPEG, quality=quality)
        if made.tell() <= bounds.bytes:
            break
    return made.getvalue()


def _png(pixels: Image.Image) -> bytes:
    made = BytesIO()
    pixels.save(made, PNG)
    return made.getvalue()


def _eight_bits(image: Image.Image, *, clear: bool) -> Image.Image:
    """Return grey of 16 bits in 8, and colours instead of places in a palette."""
    if image.mode in {"P", "PA"}:
        return image.convert("RGBA" if clear else "RGB")
    if not image.mode.startswith(_WIDE):
        return image
    wide = np.asarray(image, dtype=np.float32)
    top = 65_535.0 if float(wide.max(initial=0.0)) > 255.0 else 255.0  # noqa: PLR2004 - 8 bits
    return Image.fromarray(np.clip(wide * (255.0 / top), 0, 255).astype(np.uint8))


def _in_srgb(image: Image.Image, profile: object) -> Image.Image:
    """Return a picture in the colours of screens, if it says what its own are."""
    if not isinstance(profile, bytes) or not 0 < len(profile) <= _MOST_PROFILE:
        return image
    # A profile that is damaged, or of another kind of pixels, says nothing.
    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileName(source).lower():
            return image
        screen = cast("Any", ImageCms).createProfile("sRGB")
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        turned = ImageCms.profileToProfile(image, source, screen, outputMode=mode)
        return turned or image
    return image


def _as(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _hold_size(size: tuple[int, int], bounds: PictureBounds) -> None:
    width, height = size
    if not 0 < width * height <= bounds.pixels or max(size) > MAX_SIDE:
        raise UnfitPictureError(
            f"has {width} x {height} pixels; {bounds.pixels} in all may be, {MAX_SIDE} a side"
        )
