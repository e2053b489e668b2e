"""Files are written anew, line by line and in bounded memory, with other lines in them."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.file_bytes import FileBytes, with_new_key
from infra.new_ids import new_key
from infra.objectstore.keys import file_key
from infra.postgres.engine import transaction
from infra.postgres.erased_files import replace_file
from infra.postgres.files import abandon_file, insert_file
from infra.postgres.schedules import database_time
from infra.settings import Settings
from infra.spool import open_spool
from producer.batches.file_lines import pieces_of
from producer.breather import Breather
from producer.privacy.line_choice import RawLine
from schemas.stored_file import FilePurpose, FileRecord


class Choice(Protocol):
    """Says what takes a line's place."""

    def replaced(self, line: RawLine) -> bytes | None:
        """Return the bytes that take its place; ``None``: it stays."""
        ...


@dataclass(frozen=True, slots=True)
class Copy:
    """A file written anew, beside the old one until ``put_in``."""

    old: FileRecord
    new: FileRecord
    id: UUID

    async def put_in(self, connection: AsyncConnection) -> bool:
        """Let the file be this one; return whether it was still as it was read.

        Raises:
            ObjectStoreError: Writing it took hours; nothing may be committed.
        """
        return await replace_file(connection, self.old, self.new, self.id)


class Rewriting:
    """Reads files, and writes them anew.

    Args:
        engine: Of whole transactions.
        settings: Where files wait, and how long a line may be.
        files: Has the bytes.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings, files: FileBytes) -> None:
        self._engine = engine
        self._settings = settings
        self._files = files

    async def lines(self, file: FileRecord, longest: int) -> AsyncGenerator[RawLine]:
        """Yield a file's lines, and give way in between; longer ones come in parts.

        Raises:
            ObjectStoreError: The store does not give it.
            ContentUnreadableError: It does not open.
        """
        stored, breather = await self._files.get(file), Breather()
        try:
            async for line in _lines_of(pieces_of(stored.data), longest):
                yield line
                await breather.breathe()
        finally:
            await stored.close()

    @asynccontextmanager
    async def copy(
        self, file: FileRecord, choice: Choice, longest: int
    ) -> AsyncGenerator[Copy]:
        """Store a file anew, as ``choice`` wants it; what is not put in is left to the janitor.

        Raises:
            ObjectStoreError: The store, or the disk, cannot do its work.
            ContentUnreadableError: It does not open.
        """
        async with open_spool(self._settings) as spool:
            async for line in self.lines(file, longest):
                other = choice.replaced(line)
                await spool.add(line.data if other is None else other)
            digest, copy_id = await spool.finish(), new_key()
            async with transaction(self._engine) as connection:
                now = await database_time(connection)
                place, _ = file_key(
                    tenant_id=file.tenant_id,
                    created_at=now,
                    file_id=copy_id,
                    content_type=file.content_type,
                )
                changed = replace(file, size=spool.size, sha256=digest, object_key=place)
                changed = await with_new_key(connection, changed)
                await insert_file(connection, _beside(changed, copy_id))
            try:
                await self._files.put(changed, spool.file)
                yield Copy(file, changed, copy_id)
            finally:
                # If it was put in, this row has the old bytes, and has left already.
                async with transaction(self._engine) as connection:
                    await abandon_file(connection, file.tenant_id, copy_id)


def _beside(file: FileRecord, copy_id: UUID) -> FileRecord:
    """Return the row under which the new bytes are stored: nobody sees it, ever."""
    return replace(
        file,
        id=copy_id,
        purpose=FilePurpose.USER_DATA,
        key=None,
        batch_id=None,
        # It goes when the file has other bytes, and not before.
        expires_at=None,
    )


async def _lines_of(pieces: AsyncIterator[bytes], longest: int) -> AsyncGenerator[RawLine]:
    number, size, held, passing = 1, 0, list[bytes](), False
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            yield RawLine(number, b"".join([*held, part, b"\n"]), not passing)
            number, size, passing = number + 1, 0, False
            held.clear()
        held.append(rest)
        size += len(rest)
        if size > longest or passing:
            yield RawLine(number, b"".join(held), whole=False)
            passing = True
            held.clear()
    if any(held):
        yield RawLine(number, b"".join(held), not passing)
