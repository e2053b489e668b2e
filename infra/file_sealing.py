"""Files at rest: sealed chunk by chunk, so that any part is read without the rest.

The STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár ("Online Authenticated-
Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015, section 7), as the format of age
has it: chunks of 64 KiB, the nonce of each is its number (11 bytes) and whether it is the last
(1 byte). The key is one file's alone, and of one writing of it, so that no nonce comes twice.
Every chunk is bound to the file's id as well, to its number and to being the last: one that was
moved, left out or taken from another file does not open.
"""

import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.objectstore.store import StoredObject
from schemas.privacy_errors import ContentUnreadableError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK_BYTES: Final = 64 * 1024
_TAG_BYTES: Final = 16
_SEALED_BYTES: Final = CHUNK_BYTES + _TAG_BYTES
_NUMBER_BYTES: Final = 11
_BROKEN: Final = "a stored file was changed, or is not whole; restore the object store's backup"


@dataclass(frozen=True, slots=True)
class FileCipher:
    """Seals and opens the chunks of one file.

    Attributes:
        file_id: What they are bound to.
        size: Of the file, in bytes, before it is sealed.
        key: 32 bytes, for this writing of this file alone.
    """

    file_id: UUID
    size: int
    key: bytes = field(repr=False)

    @property
    def chunks(self) -> int:
        """How many there are; at least one."""
        return max(1, -(-self.size // CHUNK_BYTES))

    @property
    def sealed_size(self) -> int:
        """How many bytes are stored."""
        return self.size + _TAG_BYTES * self.chunks

    def seal(self, number: int, chunk: bytes) -> bytes:
        """Return a chunk sealed; ``number``: from 0."""
        nonce, words = self._bound_to(number)
        return AESGCM(self.key).encrypt(nonce, chunk, words)

    def open(self, number: int, sealed: bytes) -> bytes:
        """Return a chunk opened.

        Raises:
            ContentUnreadableError: It was changed, or stood elsewhere.
        """
        nonce, words = self._bound_to(number)
        try:
            return AESGCM(self.key).decrypt(nonce, sealed, words)
        except (InvalidTag, ValueError):
            raise ContentUnreadableError(_BROKEN) from None

    def _bound_to(self, number: int) -> tuple[bytes, bytes]:
        last = bytes([number == self.chunks - 1])
        nonce = number.to_bytes(_NUMBER_BYTES) + last
        return nonce, b"file|" + self.file_id.bytes + nonce

    def sealing(self, source: BinaryIO) -> BinaryIO:
        """Return what reads as ``source`` sealed; it holds a chunk, and can be read again."""
        return io.BufferedReader(_Sealing(self, source), _SEALED_BYTES)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return which stored bytes hold the bytes ``start`` to ``end``, which are some."""
        first, last = start // CHUNK_BYTES, (end - 1) // CHUNK_BYTES
        return first * _SEALED_BYTES, min((last + 1) * _SEALED_BYTES, self.sealed_size)

    async def opening(
        self, stored: StoredObject, start: int, end: int
    ) -> AsyncGenerator[bytes]:
        """Yield the bytes ``start`` to ``end`` of what ``span`` says is stored; closes it.

        The first yield is empty: once it was taken, closing this closes what is stored.

        Raises:
            ContentUnreadableError: A chunk was changed, or is missing.
        """
        number, at, held = start // CHUNK_BYTES, start, bytearray()
        try:
            yield b""
            async for piece in stored.data:
                held += piece
                while len(held) >= _SEALED_BYTES:
                    chunk = self.open(number, bytes(held[:_SEALED_BYTES]))
                    del held[:_SEALED_BYTES]
                    yield self._cut(chunk, number, at, end)
                    number += 1
                    at = number * CHUNK_BYTES
            if held:
                yield self._cut(self.open(number, bytes(held)), number, at, end)
                at = min((number + 1) * CHUNK_BYTES, self.size)
            if at < end:
                raise ContentUnreadableError(_BROKEN)
        finally:
            await stored.close()

    def _cut(self, chunk: bytes, number: int, start: int, end: int) -> bytes:
        begin = number * CHUNK_BYTES
        return chunk[start - begin : end - begin]


class _Sealing(io.RawIOBase):
    """A file that is sealed where it is read."""

    def __init__(self, cipher: FileCipher, source: BinaryIO) -> None:
        super().__init__()
        self._cipher = cipher
        self._source = source
        self._place = 0
        self._held = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        begin = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._place,
            io.SEEK_END: self._cipher.sealed_size,
        }
        self._place = max(0, begin[whence] + offset)
        return self._place

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if self._place >= self._cipher.sealed_size:
            return 0
        number, inside = divmod(self._place, _SEALED_BYTES)
        if self._held[0] != number:
            self._source.seek(number * CHUNK_BYTES)
            # Never more than was said: who opens it knows its end from the same number.
            wanted = min(CHUNK_BYTES, self._cipher.size - number * CHUNK_BYTES)
            self._held = (number, self._cipher.seal(number, self._source.read(wanted)))
        into = memoryview(buffer).cast("B")
        part = self._held[1][inside : inside + len(into)]
        into[: len(part)] = part
        self._place += len(part)
        return len(part)
