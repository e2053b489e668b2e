"""Objects as files in one folder: the default of ``genq up``, and of one-machine installations.

A file appears under its name only when all its bytes are on the disk. There are no files about
files: the type follows from the ending. Large files on their way lie in ``.partial``, named
after their keys, so that what a dead process left can be found.
"""

import asyncio
import errno
import os
import secrets
import shutil
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from infra.objectstore.keys import FILES, check_key, check_type, content_type_of
from infra.objectstore.store import CHUNK_BYTES, StoredObject
from infra.telemetry.metrics import OBJECT_STORE_SECONDS
from schemas.errors import ObjectMissingError, ObjectStoreError

_Result = TypeVar("_Result")
# They wait for the disk, and the file system's journal commits many of them at once.
_THREADS: Final = 32
# Of those that copy large files, which each hold a thread for seconds.
_COPIERS: Final = 2
_COPY_BYTES: Final = 1024 * 1024
_PARTIAL: Final = ".partial"
_PUT_SECONDS: Final = OBJECT_STORE_SECONDS.labels("put")
_GET_SECONDS: Final = OBJECT_STORE_SECONDS.labels("get")
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


class DirectoryStore:
    """An ``ObjectStore`` over a local folder. Several processes may share one folder."""

    def __init__(self, root: Path) -> None:
        """Make ``root`` if it is not there.

        Raises:
            ObjectStoreError: It cannot be made or is not a folder.
        """
        self._root = root
        # Bounded: a slow disk must hold up eight writes, not every thread of the process.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="objects")
        self._copiers = ThreadPoolExecutor(_COPIERS, thread_name_prefix="files")
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain(error, root) from error

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """See ``ObjectStore.put``."""
        check_key(key)
        check_type(key, content_type)
        with _PUT_SECONDS.time():
            await self._in_thread(lambda: write_whole(self._root / key, data))

    async def put_file(self, key: str, source: Path | BinaryIO, content_type: str) -> None:
        """See ``ObjectStore.put_file``."""
        check_key(key)
        check_type(key, content_type)
        partial = self._root / _PARTIAL / f"{_mark_of(key)}.{secrets.token_hex(8)}"
        with _PUT_SECONDS.time():
            await self._in_thread(
                lambda: copy_whole(source, partial, self._root / key), self._copiers
            )

    async def get(self, key: str, *, start: int = 0, end: int | None = None) -> StoredObject:
        """See ``ObjectStore.get``."""
        check_key(key)
        with _GET_SECONDS.time():
            file, size = await self._in_thread(lambda: _open(self._root / key, start))
            wanted = max(0, (size if end is None else min(end, size)) - start)
            data = self._chunks(file, wanted)
            # Started, so that closing or dropping it closes the file.
            await anext(data)
        return StoredObject(data, wanted, content_type_of(key))

    async def presign(self, key: str, *, filename: str, content_type: str) -> None:
        """Return ``None``: files have no URLs, the API streams them."""
        check_key(key)
        del filename, content_type

    async def delete(self, key: str) -> None:
        """See ``ObjectStore.delete``."""
        check_key(key)
        await self._in_thread(lambda: self._remove(key))

    async def close(self) -> None:
        """See ``ObjectStore.close``."""
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._copiers.shutdown)

    def _remove(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)
        if key.startswith(FILES):
            for left in (self._root / _PARTIAL).glob(f"{_mark_of(key)}.*"):
                left.unlink(missing_ok=True)

    async def _chunks(self, file: BinaryIO, wanted: int) -> AsyncGenerator[bytes]:
        with file:
            yield b""
            left = wanted
            while left:
                size = min(left, CHUNK_BYTES)
                chunk = await self._in_thread(lambda size=size: file.read(size))
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk

    async def _in_thread(
        self, work: Callable[[], _Result], threads: ThreadPoolExecutor | None = None
    ) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads or self._threads, work)
        except OSError as error:
            raise explain(error, self._root) from error
        except RuntimeError as error:
            raise ObjectStoreError(
                "the object store is closed; this process is stopping"
            ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` so that readers see it whole or not at all; on return it is on the disk.

    A power cut before the return may leave a torn file, under a key that nothing refers to.
    """
    folder, name = os.path.split(path)
    # In the same folder, hence the same file system, and gone when the folder is deleted.
    partial = f"{folder}/.{name}.{secrets.token_hex(8)}"
    # Every picture comes this way: without the layers of ``Path`` and of buffered files.
    file = _create(partial)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
        os.replace(partial, path)  # noqa: PTH105 - see above
        # After the rename: ext4, xfs and btrfs put the new name of a new file into the same
        # journal commit, which saves a second one for the folder.
        os.fsync(file)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)  # noqa: PTH108 - see above
        raise
    finally:
        os.close(file)


def copy_whole(source: Path | BinaryIO, partial: Path, path: Path) -> None:
    """Copy ``source`` to ``path`` through ``partial``, on the same file system.

    Readers see it whole or not at all; on return it is on the disk. Nothing is left after a
    failure, and only ``partial`` where the process dies.
    """
    for folder in (partial.parent, path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    opened = source.open("rb") if isinstance(source, Path) else source
    try:
        with partial.open("xb") as file:
            opened.seek(0)
            shutil.copyfileobj(opened, file, _COPY_BYTES)
            file.flush()
            # So much in one commit with the name would hold up everybody's small writes.
            os.fsync(file.fileno())
            partial.replace(path)
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    finally:
        if opened is not source:
            opened.close()


def _create(path: str) -> int:
    try:
        return os.open(path, _NEW)
    except FileNotFoundError:
        # The first of its hour.
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, _NEW)


def _mark_of(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:32]


def _open(path: Path, start: int) -> tuple[BinaryIO, int]:
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ObjectMissingError(
            f"no object at {path}; retention may have removed it"
        ) from None
    if start:
        file.seek(start)
    return file, os.fstat(file.fileno()).st_size


def explain(error: OSError, root: Path) -> ObjectStoreError:
    """Return what a person can do about ``error``."""
    if error.errno in _FULL:
        advice = "the disk is full; free space on it, or move GENQ_OBJECT_STORE"
    elif error.errno in _FORBIDDEN:
        advice = "genq may not use it; give its user write permission there"
    else:
        advice = "see whether GENQ_OBJECT_STORE names a folder on a healthy disk"
    return ObjectStoreError(f"object folder {root}: {error.strerror}: {advice}")
