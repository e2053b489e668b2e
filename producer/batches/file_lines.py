"""Lines of a file that is read in chunks: numbered, bounded in memory, with their places."""

from collections.abc import AsyncIterator, Iterator
from typing import Final, NamedTuple

_BOM: Final = b"\xef\xbb\xbf"
# Chunks are cut smaller: a chunk of nothing but line ends is a list of as many lines.
_PIECE_BYTES: Final = 16 * 1024


class FileLine(NamedTuple):
    """One line that is not blank.

    Attributes:
        number: Its place in the file, from 1; blank lines count.
        data: Its bytes, without the line end; ``None``: it is too long.
        end: The place in the file after it and its line end.
    """

    number: int
    data: bytes | None
    end: int


class LineSplitter:
    """Cuts chunks into lines. Of a line that is too long nothing is kept.

    Args:
        longest: The most bytes of a line.
        number: Lines before the first chunk.
        place: Where in the file the first chunk begins.
    """

    def __init__(self, *, longest: int, number: int = 0, place: int = 0) -> None:
        self._longest = longest
        self.number = number
        self.place = place
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[FileLine]:
        """Yield the lines that a piece completes."""
        if not self._size:
            piece = self._past_blanks(piece)
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._hold(part)
            line = self._take(len(part) + 1)
            if line is not None:
                yield line
        self._hold(rest)
        self.place += len(rest)

    def finish(self) -> Iterator[FileLine]:
        """Yield the last line, if the file does not end with a line end."""
        if self._size:
            line = self._take(0)
            if line is not None:
                yield line

    def _past_blanks(self, piece: bytes) -> bytes:
        """Count the blank lines that a piece begins with: many take no longer than one."""
        end = piece.rfind(b"\n", 0, len(piece) - len(piece.lstrip())) + 1
        self.number += piece.count(b"\n", 0, end)
        self.place += end
        return piece[end:]

    def _hold(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._longest:
            self._held.clear()
        elif part:
            self._held.append(part)

    def _take(self, step: int) -> FileLine | None:
        size, held = self._size, self._held
        self.number += 1
        self.place += step
        self._size, self._held = 0, []
        if size > self._longest:
            return FileLine(self.number, None, self.place)
        data = held[0] if len(held) == 1 else b"".join(held)
        if self.number == 1:
            data = data.removeprefix(_BOM)
        # Also without the CR of Windows.
        data = data.strip()
        return FileLine(self.number, data, self.place) if data else None


async def pieces_of(data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield chunks in pieces that are cut into lines within a few milliseconds."""
    async for chunk in data:
        if len(chunk) <= _PIECE_BYTES:
            yield chunk
            continue
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield chunk[start : start + _PIECE_BYTES]
