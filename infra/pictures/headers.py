"""What a file says of itself before it is unpacked: its kind, its size, which way is up.

Nothing here decodes a pixel. The format is told by the first bytes, whatever a name, a header
or a sender calls the file.
"""

import struct
from typing import Final

PNG: Final = "PNG"
JPEG: Final = "JPEG"
WEBP: Final = "WEBP"
GIF: Final = "GIF"
AVIF: Final = "AVIF"
HEIC: Final = "HEIC"

_BOX: Final = 12
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis"})
_LONGEST_TYPE_BOX: Final = 256
_EXIF: Final = b"Exif\x00\x00"
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_TURNS: Final = range(1, 9)
_MOST_ENTRIES: Final = 512
_FIRST_CHUNKS: Final = 1 << 16
_EXTENT: Final = b"ispe"
_MOST_SEGMENTS: Final = 512
# ITU-T T.81, table B.1: what begins a frame, and not tables between.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def kind_of(data: bytes) -> str | None:
    """Return ``PNG``, ``JPEG``, ``WEBP``, ``GIF``, ``AVIF`` or ``HEIC``, else ``None``."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    return _of_boxes(data) if data[4:8] == b"ftyp" else None


def _of_boxes(data: bytes) -> str | None:
    """Tell two kinds of ISO 14496-12 files apart by their major and compatible brands."""
    end = min(int.from_bytes(data[:4]), _LONGEST_TYPE_BOX)
    brands = {data[8:_BOX], *(data[at : at + 4] for at in range(_BOX + 4, end, 4))}
    if brands & _AVIF_BRANDS:
        return AVIF
    return HEIC if brands & _HEIC_BRANDS else None


def size_of(data: bytes, kind: str) -> tuple[int, int] | None:
    """Return width and height by the header of a PNG, WebP or GIF file; ``None``: not told.

    Of these, whoever opens them takes memory at once. JPEG and AVIF tell theirs when they are
    opened, before anything is unpacked.
    """
    if kind == PNG and data[12:16] == b"IHDR" and len(data) > 24:  # noqa: PLR2004 - its place
        return struct.unpack(">II", data[16:24])
    if kind == GIF and len(data) > 10:  # noqa: PLR2004 - the screen's place
        return struct.unpack("<HH", data[6:10])
    return _webp_size(data) if kind == WEBP else None


def stated_size(data: bytes, kind: str) -> tuple[int, int] | None:
    """Return the size that a file tells at its beginning, of JPEG and AVIF files, too.

    It is a hint: whoever opens the file looks for itself. ``None``: not told there.
    """
    if kind == JPEG:
        return _jpeg_size(data)
    if kind == AVIF:
        at = data.find(_EXTENT, 0, _FIRST_CHUNKS) + len(_EXTENT) + 4
        found = data[at : at + 8] if at > len(_EXTENT) + 4 else b""
        return struct.unpack(">II", found) if len(found) == 8 else None  # noqa: PLR2004 - two
    return size_of(data, kind)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        head = data[at : at + 9]
        if len(head) < 9 or head[0] != 0xFF:  # noqa: PLR2004 - marker, length, bits, two sides
            return None
        if head[1] in _FRAMES:
            height, width = struct.unpack(">HH", head[5:9])
            return width, height
        at += 2 + int.from_bytes(head[2:4])
    return None


def is_lossless_webp(data: bytes) -> bool:
    """Tell whether a WebP file keeps every pixel as it was."""
    return b"VP8L" in data[12:_FIRST_CHUNKS]


def _webp_size(data: bytes) -> tuple[int, int] | None:
    chunk, body = data[12:16], data[20:30]
    if chunk == b"VP8X" and len(body) == 10:  # noqa: PLR2004 - the chunk's own length
        return (
            1 + int.from_bytes(body[4:7], "little"),
            1 + int.from_bytes(body[7:10], "little"),
        )
    if chunk == b"VP8L" and len(body) > 4:  # noqa: PLR2004 - a signature and four bytes
        bits = int.from_bytes(body[1:5], "little")
        return (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if chunk == b"VP8 " and len(body) == 10:  # noqa: PLR2004 - a frame's header
        width, height = struct.unpack("<HH", body[6:10])
        return (width & 0x3FFF, height & 0x3FFF)
    return None


def orientation_of(exif: bytes) -> int:
    """Return which way up a picture is, 1 to 8 (Exif 2.32, tag 0x0112); 1 if nothing says.

    Args:
        exif: The block, with or without its name in front. A damaged one says nothing.
    """
    tiff = exif.removeprefix(_EXIF)
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    try:
        if order is None:
            return 1
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, at)
        for n in range(min(count, _MOST_ENTRIES)):
            tag, form, _, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * n)
            if tag == _ORIENTATION:
                return value if form == _SHORT and value in _TURNS else 1
    except struct.error:
        return 1
    return 1
