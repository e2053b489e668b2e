"""The parts of a PNG file by name, without a look into them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

HEADER: Final = 33
"""Bytes of signature and IHDR, which come first."""
SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_FRAME: Final = 12
"""Bytes of a chunk beside its body: length, name, checksum."""
_FIRST: Final = b"\x00\x00\x00\x0dIHDR"
_MOST: Final = 20_000
"""Honest files have a chunk for every eight thousand bytes, or fewer."""


class Chunk(NamedTuple):
    """A part of a file: its name, and where its body stands."""

    name: bytes
    start: int
    end: int


def chunks_of(data: bytes) -> Sequence[Chunk] | None:
    """Return the chunks of a PNG file; ``None``: it is none, cut off, or goes on after its end.

    Checksums are not looked at.
    """
    if not data.startswith(SIGNATURE + _FIRST):
        return None
    found: list[Chunk] = []
    at = len(SIGNATURE)
    while at + _FRAME <= len(data) and len(found) < _MOST:
        start = at + 8
        chunk = Chunk(data[at + 4 : start], start, start + int.from_bytes(data[at : at + 4]))
        found.append(chunk)
        at = chunk.end + 4
        if chunk.name == b"IEND":
            return found if at == len(data) else None
    return None
