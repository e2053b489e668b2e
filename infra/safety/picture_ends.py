"""Where pictures end: behind that a file may hold anything, and who opens it does not look."""

import re
from typing import Final

from infra.provenance.png_chunks import chunks_of
from infra.safety.pictures import kind_of

_RIFF_HEAD: Final = 8
_START: Final = 2
_SCAN: Final = 0xDA
_END: Final = 0xD9
# Behind the head of a scan, whatever is no part of it: ITU-T T.81, B.1.1.
_MARK: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def is_complete(data: bytes) -> bool:
    """Tell whether a PNG, JPEG or WebP file ends where its picture does; of others, no."""
    kind = kind_of(data)
    if kind == "PNG":
        return chunks_of(data) is not None
    if kind == "WEBP":
        length = _RIFF_HEAD + int.from_bytes(data[4:_RIFF_HEAD], "little")
        # An odd length is filled up.
        return len(data) - length in {0, length % 2}
    return kind == "JPEG" and _jpeg_end(data) == len(data)


def _jpeg_end(data: bytes) -> int | None:
    """Return how many bytes the first picture of a JPEG file has, if it ends."""
    at = _START
    while mark := _MARK.match(data, at):
        at = mark.end()
        name = data[at - 1]
        if name == _END:
            return at
        length = int.from_bytes(data[at : at + 2])
        if length < _START:
            return None
        at += length
        if name == _SCAN:
            following = _MARK.search(data, at)
            at = following.start() if following else len(data)
    return None
