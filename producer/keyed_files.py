"""Files whose upload has an idempotency key: the same upload again is the same file."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.files import get_file
from infra.postgres.kept_answers import Call, claim_call, kept_answer
from infra.spool import Spool
from producer.files import Files, NewFile, NotClaimedError
from producer.idempotency import refuse_other_body
from schemas.errors import IdempotencyConflictError
from schemas.stored_file import FileRecord


class KeyedFiles:
    """Takes in files, each key's once.

    The key is claimed where the file is published, in one transaction: an upload that breaks
    off before leaves the key free, and the next one under it is taken in.

    Args:
        files: Takes them in.
        engine: Connections.
        ttl: For how long a key is remembered.
    """

    def __init__(self, files: Files, engine: AsyncEngine, ttl: timedelta) -> None:
        self._files = files
        self._engine = engine
        self._ttl = ttl

    async def create(
        self, call: Call, wanted: NewFile, spool: Spool
    ) -> tuple[FileRecord, bool]:
        """Return the file of a key, and whether it was there before.

        Raises:
            IdempotencyConflictError: The key was used for another upload, or its file is gone.
            ObjectStoreError: The store, or the disk, cannot do its work.
            ContentUnreadableError: The tenant's key does not open.
        """

        async def claim(connection: AsyncConnection, file: FileRecord) -> None:
            answer = {"file": str(file.id)}
            key, ttl = file.id, self._ttl
            if not await claim_call(connection, call, job_id=key, ttl=ttl, answer=answer):
                # The same upload came from elsewhere, and was faster.
                raise NotClaimedError

        while (earlier := await self._earlier(call)) is None:
            try:
                return await self._files.create(call.tenant_id, wanted, spool, claim), False
            except NotClaimedError:
                continue
        return earlier, True

    async def _earlier(self, call: Call) -> FileRecord | None:
        async with transaction(self._engine) as connection:
            kept = await kept_answer(connection, call)
            if kept is None:
                return None
            refuse_other_body(kept.request_hash, call.request_hash)
            file = await get_file(connection, call.tenant_id, UUID(kept.answer["file"]))
        if file is None:
            raise IdempotencyConflictError(
                "the file of this Idempotency-Key is gone; use another"
            )
        return file
