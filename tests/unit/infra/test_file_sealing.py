"""Sealed files: every part reads as it was written, and what was changed does not read."""

import asyncio
import io
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest

from infra.file_sealing import CHUNK_BYTES, FileCipher
from infra.objectstore.store import StoredObject
from schemas.privacy_errors import ContentUnreadableError

FILE = UUID(int=7)
TAG = 16
SEALED = CHUNK_BYTES + TAG
SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_001)


def cipher_of(size: int, key: int = 1, file: UUID = FILE) -> FileCipher:
    return FileCipher(file, size, bytes([key]) * 32)


def content(size: int) -> bytes:
    return bytes(n * 31 % 251 for n in range(size))


def sealed(cipher: FileCipher) -> bytes:
    return cipher.sealing(io.BytesIO(content(cipher.size))).read()


def read(cipher: FileCipher, stored: bytes, start: int, end: int) -> bytes:
    """Read a part as it comes from a store: from the bytes that hold it, in odd pieces."""
    first, last = cipher.span(start, end)

    async def pieces() -> AsyncGenerator[bytes]:
        for at in range(first, min(last, len(stored)), 50_001):
            yield stored[at : min(at + 50_001, last)]

    async def run() -> bytes:
        held = StoredObject(pieces(), last - first, "application/jsonl")
        return b"".join([piece async for piece in cipher.opening(held, start, end)])

    return asyncio.run(run())


@pytest.mark.parametrize("size", SIZES)
def test_every_part_of_a_file_of_any_size_reads_as_it_was_written(size: int) -> None:
    cipher, plain = cipher_of(size), content(size)
    stored = sealed(cipher)
    assert len(stored) == cipher.sealed_size
    assert plain[:40] not in stored or size < 4
    edges = {0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, size - 1, size}
    places = sorted(place for place in edges if 0 <= place <= size)
    for start in places:
        for end in places:
            if start < end:
                assert read(cipher, stored, start, end) == plain[start:end]


def test_what_is_sealed_reads_again_from_any_place_as_an_uploader_reads_it() -> None:
    cipher = cipher_of(200_001)
    whole = sealed(cipher)
    source = cipher.sealing(io.BytesIO(content(200_001)))
    assert source.seek(0, io.SEEK_END) == len(whole)
    for place in (0, 70_000, SEALED, 5, len(whole) - 3):
        source.seek(place)
        assert source.read(100_000) == whole[place : place + 100_000]


def test_chunks_that_were_changed_moved_left_out_or_are_another_files_do_not_open() -> None:
    size = 3 * CHUNK_BYTES
    cipher, stored = cipher_of(size), sealed(cipher_of(size))
    changed = bytearray(stored)
    changed[70_000] ^= 1
    swapped = stored[SEALED : 2 * SEALED] + stored[:SEALED] + stored[2 * SEALED :]
    cut = stored[: 2 * SEALED]
    elsewhere = sealed(cipher_of(size, file=UUID(int=8)))
    for broken in (bytes(changed), swapped, cut, stored[:-1], elsewhere, b""):
        with pytest.raises(ContentUnreadableError, match="changed, or is not whole"):
            read(cipher, broken, 0, size)
    with pytest.raises(ContentUnreadableError):
        read(cipher_of(size, key=2), stored, 0, size)
    # What was cut off does not read as a shorter file, whoever says that it is one.
    with pytest.raises(ContentUnreadableError):
        read(cipher_of(2 * CHUNK_BYTES), cut, 0, 2 * CHUNK_BYTES)
