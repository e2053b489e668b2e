"""Plain metadata: XMP that says what made a picture, for readers that know no manifests.

Written between the file's parts as they are: no pixel is unpacked, and nothing is lost.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from infra.provenance.png_chunks import HEADER, chunks_of
from schemas.provenance import AI_SOURCE

_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""'
    ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    f' Iptc4xmpExt:DigitalSourceType="{AI_SOURCE}"/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()

_PNG_KEYWORD: Final = b"XML:com.adobe.xmp"
_PNG_TEXT: Final = b"iTXt"
_JPEG_SPACE: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_SEARCHED: Final = 1 << 18
"""Where XMP stands in a file that has some: near its beginning."""
_XMP_FLAG: Final = 0x04
_ALPHA_FLAG: Final = 0x10
_CHUNK: Final = 8


def with_xmp(data: bytes, media_type: str) -> bytes:
    """Return a picture with XMP; one that has some, or is of another type, as it came.

    Args:
        data: A whole file that is known to be what ``media_type`` says.
        media_type: Of the three: ``image/png``, ``image/jpeg``, ``image/webp``.
    """
    into = _WRITERS.get(media_type)
    try:
        return into(data) if into else data
    except (IndexError, struct.error):
        # Cut off within its header.
        return data


def says_ai(data: bytes) -> bool:
    """Tell whether a file's XMP says that a trained model made it."""
    return AI_SOURCE.encode() in data and (b"DigitalSourceType" in data)


def _in_png(data: bytes) -> bytes:
    return data if _has_png_xmp(data) else data[:HEADER] + _PNG_CHUNK + data[HEADER:]


def _has_png_xmp(data: bytes) -> bool:
    chunks = chunks_of(data)
    if chunks is None:
        return _PNG_KEYWORD in data[:_SEARCHED]
    return any(
        chunk.name == _PNG_TEXT and data.startswith(_PNG_KEYWORD + b"\x00", chunk.start)
        for chunk in chunks
    )


def _png_chunk() -> bytes:
    body = _PNG_TEXT + _PNG_KEYWORD + b"\x00" * 5 + _PACKET
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _in_jpeg(data: bytes) -> bytes:
    if _JPEG_SPACE in data[:_SEARCHED]:
        return data
    body = _JPEG_SPACE + _PACKET
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    # JFIF's own segment has to come first, if there is one.
    at = 4 + int.from_bytes(data[4:6]) if data[2:4] == b"\xff\xe0" else 2
    return data[:at] + segment + data[at:]


def _in_webp(data: bytes) -> bytes:
    packet = _riff_chunk(b"XMP ", _PACKET)
    if data[12:16] == b"VP8X":
        if data[20] & _XMP_FLAG:
            return data
        body = bytearray(data[12:])
        body[_CHUNK] |= _XMP_FLAG
        return _riff(bytes(body) + packet)
    size = _simple_size(data)
    if size is None:
        return data
    width, height, alpha = size
    flags = _XMP_FLAG | (_ALPHA_FLAG if alpha else 0)
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    header = _riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + canvas)
    return _riff(header + data[12:] + packet)


def _simple_size(data: bytes) -> tuple[int, int, bool] | None:
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
    if data[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF, False
    return None


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) & 1)


def _riff(chunks: bytes) -> bytes:
    # A file whose last chunk lacks its padding is mended on the way.
    chunks += b"\x00" * (len(chunks) & 1)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


_PNG_CHUNK: Final = _png_chunk()
_WRITERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {"image/png": _in_png, "image/jpeg": _in_jpeg, "image/webp": _in_webp}
)
