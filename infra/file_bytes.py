"""The bytes of files, to and from the object store: sealed there, if the installation seals."""

import secrets
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import BinaryIO, Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.contents import Clear, Place, Sealed, contents_of
from infra.file_sealing import FileCipher
from infra.objectstore.keys import content_type_of
from infra.objectstore.store import ObjectStore, StoredObject
from infra.postgres.engine import transaction
from schemas.privacy_errors import ContentUnreadableError
from schemas.stored_file import FileRecord

_KEY_BYTES: Final = 32


class FileBytes:
    """Writes and reads what files hold, in bounded memory.

    A file that was stored before, or by an installation that does not seal, is read as it is.

    Args:
        engine: Its connections have the keys.
        store: Where bytes lie.
    """

    def __init__(self, engine: AsyncEngine, store: ObjectStore) -> None:
        self._engine = engine
        self._store = store

    async def put(self, file: FileRecord, source: BinaryIO) -> None:
        """Store what ``source`` holds, ``file.size`` bytes; the row is there already.

        Raises:
            ObjectStoreError: The store cannot do its work.
            ContentUnreadableError: The file's key does not open.
        """
        cipher = await self._cipher(file)
        sealed = source if cipher is None else cipher.sealing(source)
        await self._store.put_file(file.object_key, sealed, content_type_of(file.object_key))

    async def get(
        self, file: FileRecord, *, start: int = 0, end: int | None = None
    ) -> StoredObject:
        """Open a file, or a part of it, for reading; see ``ObjectStore.get``.

        Raises:
            ObjectMissingError: Its bytes are gone.
            ObjectStoreError: The store cannot do its work.
            ContentUnreadableError: It does not open; also while its bytes are read.
        """
        cipher = await self._cipher(file)
        if cipher is None:
            return await self._store.get(file.object_key, start=start, end=end)
        until = file.size if end is None else min(end, file.size)
        if until <= start:
            return StoredObject(_nothing(), 0, content_type_of(file.object_key))
        first, last = cipher.span(start, until)
        stored = await self._store.get(file.object_key, start=first, end=last)
        data = cipher.opening(stored, start, until)
        # Started, so that closing or dropping it closes what is stored.
        await anext(data)
        return StoredObject(data, until - start, stored.content_type)

    async def _cipher(self, file: FileRecord) -> FileCipher | None:
        if file.key is None:
            return None
        async with transaction(self._engine) as connection:
            contents = contents_of(connection)
            if contents is None:
                raise ContentUnreadableError("this file is sealed, and nothing here opens it")
            key = await contents.open_one(connection, Sealed(_place_of(file), file.key))
        return FileCipher(file.id, file.size, key)


async def with_new_key(connection: AsyncConnection, file: FileRecord) -> FileRecord:
    """Return a file as it is to be written: with a key of its own, if files are sealed here.

    Whoever writes other bytes under the file's id takes another key.

    Raises:
        ContentUnreadableError: The tenant's key is there, but cannot be opened.
    """
    contents = contents_of(connection)
    if contents is None or not contents.sealing:
        return replace(file, key=None)
    clear = Clear(_place_of(file), b"", secrets.token_bytes(_KEY_BYTES))
    (sealed,) = await contents.seal(connection, [clear])
    return replace(file, key=sealed)


def _place_of(file: FileRecord) -> Place:
    return Place(file.tenant_id, "file", str(file.id), "key")


async def _nothing() -> AsyncGenerator[bytes]:
    for chunk in ():
        yield chunk
