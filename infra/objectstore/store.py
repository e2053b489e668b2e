"""The one interface to stored bytes, and what every implementation promises.

Objects are written whole and never changed in place: a reader sees the old bytes, the new
bytes, or ``ObjectMissingError``, but never a part.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final, Protocol

CHUNK_BYTES: Final = 256 * 1024
# Long enough for a slow download to begin, short enough for a leaked link to be harmless.
PRESIGNED_FOR: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that is being read.

    Attributes:
        data: The bytes in chunks of at most ``CHUNK_BYTES``; once only. Raises
            ``ObjectStoreError`` if the store fails half-way.
        size: How many bytes ``data`` will give.
        content_type: A bare media type, such as ``image/png``.
    """

    data: AsyncGenerator[bytes]
    size: int
    content_type: str

    async def close(self) -> None:
        """Let go of the file or connection; needed only if ``data`` is not read to its end."""
        await self.data.aclose()

    async def read(self) -> bytes:
        """Return all bytes."""
        return b"".join([chunk async for chunk in self.data])


class ObjectStore(Protocol):
    """Keeps bytes under keys made by ``infra.objectstore.keys``.

    Every method raises ``ObjectStoreError`` when the store cannot do its work; the message
    says what failed and what to do, and holds no credential.
    """

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store ``data``, replacing what was there; it survives a crash once this returns.

        Args:
            key: Ends in the extension of ``content_type``.
            data: 0 to about 50 MB.
            content_type: One of ``infra.objectstore.keys.EXTENSIONS``.
        """
        ...

    async def put_file(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        """Store what a file holds, of any size, in bounded memory; else as ``put``.

        What is left where the process dies meanwhile goes with ``delete`` of the key.

        Args:
            key: Ends in the extension of ``content_type``.
            source: Read from its beginning. An open one may be closed afterwards.
            content_type: One of ``infra.objectstore.keys.EXTENSIONS``.
        """
        ...

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        """Open an object, or a part of it, for reading.

        Args:
            key: The object.
            start: The first byte wanted. From the object's end on there are none.
            end: The byte past the last one wanted; ``None``, or past the object's end: all.

        Raises:
            ObjectMissingError: Nothing is stored under ``key``.
        """
        ...

    async def presign(self, key: str, *, filename: str, content_type: str) -> str | None:
        """Return a URL that anyone may GET for ``PRESIGNED_FOR``.

        Whether the object exists is not asked.

        Args:
            key: The object.
            filename: What a browser calls the download.
            content_type: What the answer declares.

        Returns:
            ``None`` if this store has no URLs: stream the object instead.
        """
        ...

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is deleted already.

        What a ``put_file`` left half-way when its process died goes as well.
        """
        ...

    async def close(self) -> None:
        """Finish what is being written and let go of connections and threads."""
        ...
