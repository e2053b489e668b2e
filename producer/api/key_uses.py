"""When keys were last used: written beside the answers, many keys in one statement."""

import asyncio
import contextlib
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.api_keys import note_use
from infra.postgres.engine import transaction
from schemas.errors import DatabaseUnavailableError

_GATHER_SECONDS: Final = 1.0

_log: Final = structlog.get_logger()


class KeyUses:
    """Notes uses of keys. Nobody waits for it; a note that fails is made at the next use."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._noted: set[UUID] = set()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def note(self, key_id: UUID) -> None:
        """Remember to write that this key was used."""
        self._noted.add(key_id)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what was noted."""
        self._closing.set()
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write(self) -> None:
        while self._noted:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_SECONDS):
                    await self._closing.wait()
            noted, self._noted = self._noted, set()
            try:
                async with transaction(self._engine) as connection:
                    await note_use(connection, sorted(noted))
            except DatabaseUnavailableError as error:
                _log.warning("key_uses_not_noted", keys=len(noted), reason=error.message)
