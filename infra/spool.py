"""Files that wait on this machine's disk, without a name, until they are stored.

A file without a name is gone with its process, however that ends.
"""

import asyncio
import errno
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, TypeVar
from urllib.parse import unquote, urlsplit

from infra.settings import Settings
from schemas.errors import ObjectStoreError

_Result = TypeVar("_Result")
# Large enough that a thread's round trip counts for nothing.
_HELD_BYTES: Final = 1 << 20
# Beside the objects of a local folder, where no key leads: /tmp is memory on many machines.
_BESIDE: Final = ".spool"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Spool:
    """A growing file.

    Attributes:
        file: Its bytes, once ``finish`` was called.
        size: How many.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = 0
        self._digest = sha256()
        self._held = bytearray()

    async def add(self, data: bytes) -> None:
        """Append ``data``.

        Raises:
            ObjectStoreError: The disk is full, or broken.
        """
        self.size += len(data)
        self._held += data
        if len(self._held) >= _HELD_BYTES:
            await self._flush()

    async def finish(self) -> bytes:
        """Write what is left; return the SHA-256 of all bytes. Raises as ``add`` does."""
        await self._flush()
        return self._digest.digest()

    async def _flush(self) -> None:
        held, self._held = self._held, bytearray()

        def write() -> None:
            self._digest.update(held)
            self.file.write(held)
            self.file.flush()

        await _on_disk(write)


@asynccontextmanager
async def open_spool(settings: Settings) -> AsyncGenerator[Spool]:
    """Give a file that is gone when the block ends.

    Raises:
        ObjectStoreError: No file can be made where the settings say.
    """

    def make() -> BinaryIO:
        return tempfile.TemporaryFile(dir=spool_folder(settings))

    file = await _on_disk(make)
    try:
        yield Spool(file)
    finally:
        await asyncio.to_thread(file.close)


def spool_folder(settings: Settings) -> Path | None:
    """Return where files wait, made if needed; ``None``: in the system's temporary folder.

    Raises:
        OSError: It cannot be made.
    """
    place = urlsplit(settings.object_store)
    if settings.spool_folder is None and place.scheme != "file":
        return None
    folder = settings.spool_folder or Path(unquote(place.path)) / _BESIDE
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def _on_disk(work: Callable[[], _Result]) -> _Result:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        what = "is full" if error.errno in _FULL else f"cannot be used ({error.strerror})"
        raise ObjectStoreError(
            f"the disk where files wait on their way {what}; free space in the temporary "
            "folder, or set GENQ_SPOOL_FOLDER to another one"
        ) from error
