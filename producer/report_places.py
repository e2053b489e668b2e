"""Places for reports of usage: each may read for seconds, and others need connections, too."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.short_looks import end_soon, soon_enough
from schemas.admission_errors import ReportBusyError

_AT_ONCE: Final = 2
_LATER: Final = timedelta(seconds=5)
_LONGEST: Final = timedelta(seconds=10)
PATIENCE: Final = timedelta(seconds=5)


class ReportPlaces:
    """So many reports read at once in this process.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        connections: How many there are: one is left for the others, wherever there are two.
        longest: How long one statement may take.
    """

    def __init__(
        self, engine: AsyncEngine, connections: int, longest: timedelta = _LONGEST
    ) -> None:
        self._engine = whole_transactions(engine)
        self._longest = longest
        self._turns = asyncio.Semaphore(max(1, min(_AT_ONCE, connections - 1)))

    @asynccontextmanager
    async def place(self, patience: timedelta = PATIENCE) -> AsyncGenerator[AsyncConnection]:
        """Open a transaction in a place.

        Args:
            patience: How long to wait for a place.

        Raises:
            ReportBusyError: There was none in time.
            FilterTooWideError: A statement took too long.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._turns.acquire()
        except TimeoutError:
            raise ReportBusyError(
                "too many reports of usage are being read; ask again in some seconds",
                retry_after=_LATER,
            ) from None
        try:
            async with transaction(self._engine) as connection:
                await end_soon(connection, self._longest)
                with soon_enough(
                    f"adding up so much usage takes more than {self._longest.total_seconds():g}"
                    " s; ask for a shorter time: from and to"
                ):
                    yield connection
        finally:
            self._turns.release()
