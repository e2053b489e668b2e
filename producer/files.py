"""Files as their tenants keep them; the janitor takes away those that have left."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.file_bytes import FileBytes, with_new_key
from infra.new_ids import new_key
from infra.objectstore.keys import content_type_of, file_key
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.files import (
    abandon_file,
    get_file,
    insert_file,
    list_files,
    mark_deleted,
    publish_file,
)
from infra.postgres.schedules import database_time
from infra.settings import Settings
from infra.spool import Spool
from schemas.errors import NotFoundError, ObjectStoreError
from schemas.ids import format_id
from schemas.privacy_errors import ContentUnreadableError
from schemas.stored_file import FilePurpose, FileRecord, safe_filename

_AT_ONCE = 500
_BYTES = "application/octet-stream"
_LINES = "application/jsonl"

Claim = Callable[[AsyncConnection, FileRecord], Awaitable[None]]


class NotClaimedError(Exception):
    """A claim failed: nothing is to stay of the file."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """What its uploader says of a file.

    Attributes:
        filename: As it came; ``None``: it has none.
        content_type: A bare media type, or empty.
        expires_after: ``None``: as the settings say.
    """

    purpose: FilePurpose
    filename: str | None = None
    content_type: str = ""
    expires_after: timedelta | None = None


class Files:
    """The files of tenants.

    Args:
        engine: Connections.
        store: Where bytes lie.
        settings: How long files are kept.
    """

    def __init__(self, engine: AsyncEngine, store: ObjectStore, settings: Settings) -> None:
        self._engine = engine
        self._bytes = FileBytes(engine, store)
        self._settings = settings

    async def create(
        self,
        tenant_id: int,
        wanted: NewFile,
        spool: Spool,
        claim: Claim | None = None,
    ) -> FileRecord:
        """Store what was spooled; once this returns, it survives a crash.

        Args:
            tenant_id: Whose it is.
            wanted: What its uploader says of it.
            spool: Its bytes.
            claim: Runs in the transaction by which the file comes to be seen.

        Raises:
            NotClaimedError: As ``claim`` does.
            ObjectStoreError: The store, or the disk, cannot do its work.
            ContentUnreadableError: The tenant's key does not open.
        """
        digest = await spool.finish()
        async with transaction(self._engine) as connection:
            now = await database_time(connection)
        file_id, filename = new_key(), safe_filename(wanted.filename)
        media_type = _media_type(wanted, filename)
        key, _ = file_key(
            tenant_id=tenant_id, created_at=now, file_id=file_id, content_type=media_type
        )
        file = FileRecord(
            id=file_id,
            tenant_id=tenant_id,
            purpose=wanted.purpose,
            filename=filename,
            content_type=media_type,
            size=spool.size,
            sha256=digest,
            object_key=key,
            created_at=now,
            expires_at=now + (wanted.expires_after or self._kept_for(wanted.purpose)),
        )
        # The row first: bytes without one would lie there for good if this process dies.
        async with transaction(self._engine) as connection:
            file = await with_new_key(connection, file)
            await insert_file(connection, file)
        try:
            await self._bytes.put(file, spool.file)
            await self._publish(file, claim)
        except (ObjectStoreError, ContentUnreadableError, NotClaimedError):
            async with transaction(self._engine) as connection:
                await abandon_file(connection, tenant_id, file_id)
            raise
        return file

    async def _publish(self, file: FileRecord, claim: Claim | None) -> None:
        whole = whole_transactions(self._engine)
        async with transaction(self._engine if claim is None else whole) as connection:
            if not await publish_file(connection, file.tenant_id, file.id):
                raise ObjectStoreError("storing the file took hours; upload it again")
            if claim is not None:
                await claim(connection, file)

    async def get(self, tenant_id: int, file_id: UUID) -> FileRecord:
        """Return a file.

        Raises:
            NotFoundError: The tenant has no such file, or not any more.
        """
        async with transaction(self._engine) as connection:
            found = await get_file(connection, tenant_id, file_id)
        if found is None:
            raise unknown_file(file_id)
        return found

    async def list(
        self,
        tenant_id: int,
        *,
        limit: int,
        after: UUID | None,
        purpose: str | None,
        oldest_first: bool,
    ) -> AsyncGenerator[FileRecord]:
        """Yield files in the order in which they came, those past ``after``."""
        while limit > 0:
            # A few at a time: to read ten thousand rows at once would hold up everybody.
            piece = min(limit, _AT_ONCE)
            async with transaction(self._engine) as connection:
                found = await list_files(
                    connection,
                    tenant_id,
                    limit=piece,
                    after=after,
                    purpose=purpose,
                    oldest_first=oldest_first,
                )
            for file in found:
                yield file
            if len(found) < piece:
                return
            limit, after = limit - piece, found[-1].id

    async def delete(self, tenant_id: int, file_id: UUID) -> None:
        """Let a file be seen no more; its bytes go soon, or when its last batch has ended.

        Raises:
            NotFoundError: The tenant has no such file, or not any more.
        """
        async with transaction(self._engine) as connection:
            if not await mark_deleted(connection, tenant_id, file_id):
                raise unknown_file(file_id)

    def _kept_for(self, purpose: FilePurpose) -> timedelta:
        of_batch = purpose is FilePurpose.BATCH
        return self._settings.batch_file_expiry if of_batch else self._settings.file_expiry


def unknown_file(file_id: UUID) -> NotFoundError:
    """Return the error that says so."""
    shown = format_id("file", file_id)
    return NotFoundError(f"there is no file {shown}; it may have expired or been deleted")


def _media_type(wanted: NewFile, filename: str) -> str:
    if wanted.purpose is FilePurpose.BATCH:
        return _LINES
    if wanted.content_type in {"", _BYTES}:
        return content_type_of(filename.lower())
    return wanted.content_type
