"""Where a manifest stands in a file, and how: between two parts of it, which stay as they are.

PNG and JPEG only: in a WebP file it stands at the end, and changes the length at the beginning.
"""

import zlib
from dataclasses import dataclass
from typing import Final, Self

from infra.provenance.png_chunks import HEADER, chunks_of

_PNG: Final = b"caBX"
_JPEG_APP0: Final = b"\xff\xd8\xff\xe0"
_JPEG_START: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"
_JPEG_HEAD: Final = b"JP\x02\x11\x00\x00\x00\x01"
"""ISO/IEC 19566-5, annex D: JUMBF, the number of the box, and the first piece of it."""
_BOX: Final = b"jumb"
_LONGEST_SEGMENT: Final = 0xFFFF
_FIRST_SEGMENT: Final = 2


@dataclass(frozen=True, slots=True)
class Gap:
    """Where a file takes a manifest.

    Attributes:
        at: Bytes that come before it.
        png: Of a PNG file, else of a JPEG file.
    """

    at: int
    png: bool

    @classmethod
    def of(cls, data: bytes, media_type: str) -> Self | None:
        """Return where a whole file without a manifest takes one; ``None``: not known here."""
        if media_type == "image/png":
            chunks = chunks_of(data)
            unmarked = chunks is not None and all(one.name != _PNG for one in chunks)
            return cls(HEADER, png=True) if unmarked else None
        # A manifest that nobody can read stays in the file, unless the library takes it out.
        marked = _BOX in data
        if media_type != "image/jpeg" or not data.startswith(_JPEG_START) or marked:
            return None
        # JFIF's own segment has to come first, if there is one.
        first = data.startswith(_JPEG_APP0)
        at = 4 + int.from_bytes(data[4:6]) if first else _FIRST_SEGMENT
        return cls(at, png=False) if data.endswith(_JPEG_END) and at < len(data) else None

    def filled(self, data: bytes, store: bytes) -> bytes | None:
        """Return the file with a manifest store; ``None``: one is too long for one piece."""
        if self.png:
            body = _PNG + store
            length, check = len(store).to_bytes(4), zlib.crc32(body).to_bytes(4)
            return b"".join((data[: self.at], length, body, check, data[self.at :]))
        length = 2 + len(_JPEG_HEAD) + len(store)
        if length > _LONGEST_SEGMENT:
            return None
        head = b"\xff\xeb" + length.to_bytes(2) + _JPEG_HEAD
        return b"".join((data[: self.at], head, store, data[self.at :]))

    def store_in(self, marked: bytes, data: bytes) -> bytes:
        """Return the store of a file that was ``data`` before; of another, anything."""
        end = self.at + len(marked) - len(data)
        if self.png:
            return marked[self.at + 8 : end - 4]
        return marked[self.at + 4 + len(_JPEG_HEAD) : end]
