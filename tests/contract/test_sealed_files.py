"""Sealed files in a bucket: sent while they are sealed, and read back by ranges."""

import asyncio
import io
from datetime import UTC, datetime
from typing import Final

import pytest

from infra.file_sealing import CHUNK_BYTES, FileCipher
from infra.new_ids import new_key
from infra.objectstore.keys import file_key
from infra.objectstore.opening import open_store
from infra.objectstore.s3 import LARGE_BYTES
from tests.fixtures.s3_server import S3Server, s3_settings

NOW: Final = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize("size", [1_000, LARGE_BYTES + 70_001])
def test_a_file_goes_up_sealed_and_every_part_comes_back(
    s3_server: S3Server, size: int
) -> None:
    data = bytes(n % 251 for n in range(1_000)) * (size // 1_000) + b"!" * (size % 1_000)
    key, media_type = file_key(
        tenant_id=1, created_at=NOW, file_id=new_key(), content_type="application/jsonl"
    )
    cipher = FileCipher(new_key(), size, bytes(32))
    spans = [(0, size), (3, 5), (size - 3, size)]
    if size > CHUNK_BYTES:
        spans += [(CHUNK_BYTES - 1, CHUNK_BYTES + 1), (CHUNK_BYTES, 5 * CHUNK_BYTES)]

    async def scenario() -> None:
        store = open_store(s3_settings(s3_server))
        try:
            await store.put_file(key, cipher.sealing(io.BytesIO(data)), media_type)
            whole = await (await store.get(key)).read()
            assert len(whole) == cipher.sealed_size
            assert data[:100] not in whole
            for start, end in spans:
                first, last = cipher.span(start, end)
                stored = await store.get(key, start=first, end=last)
                opened = cipher.opening(stored, start, end)
                assert b"".join([piece async for piece in opened]) == data[start:end]
        finally:
            await store.close()

    asyncio.run(scenario())
