"""Files that were deleted, expired, or never came to be: their bytes go, then their rows."""

import asyncio
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.objectstore.store import ObjectStore
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.files import LeavingFile, forget_files, leaving_files
from schemas.errors import ObjectStoreError
from schemas.ids import format_id

_PAGE: Final = 200
_AT_ONCE: Final = 8

_log: Final = structlog.get_logger()


class FileJanitor:
    """Takes files away. Any number may: to delete twice is to delete once.

    A file that an unfinished batch reads stays until that has ended, and so does what a legal
    hold on the whole tenant keeps.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        store: Has the bytes.
    """

    def __init__(self, engine: AsyncEngine, store: ObjectStore) -> None:
        self._engine = whole_transactions(engine)
        self._store = store

    async def sweep(self) -> bool:
        """Take some away; return whether there is more to do at once.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        async with transaction(self._engine) as connection:
            found = await leaving_files(connection, limit=_PAGE)
        gone: list[LeavingFile] = []
        for start in range(0, len(found), _AT_ONCE):
            chunk = found[start : start + _AT_ONCE]
            deleted = await asyncio.gather(*(self._delete(file) for file in chunk))
            gone += [file for file, done in zip(chunk, deleted, strict=True) if done]
        if gone:
            async with transaction(self._engine) as connection:
                await forget_files(connection, gone)
            _log.info("files_removed", files=len(gone))
        # What the store does not let go of now is tried again in the next round.
        return len(gone) == _PAGE

    async def _delete(self, file: LeavingFile) -> bool:
        try:
            await self._store.delete(file.object_key)
        except ObjectStoreError as error:
            _log.warning(
                "file_not_removed", file=format_id("file", file.id), reason=error.message
            )
            return False
        return True
