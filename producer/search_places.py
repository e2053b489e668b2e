"""Places for searches: listings by filter, each of which may walk for seconds.

A walk gives up by itself (``infra.postgres.short_looks``); but many at once would hold every
database connection of a process until then, and everybody else's calls would wait.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from schemas.filter_errors import TooManySearchesError

# Of the connections of a process.
_SHARE: Final = 3
_MOST_OF_TENANT: Final = 2
_PATIENCE: Final = timedelta(seconds=2)


class SearchPlaces:
    """So many searches run at once in this process, and so many of one tenant.

    Args:
        connections: That the process has; a third of them, at least one, may search.
        patience: How long a search waits for its place.
    """

    def __init__(self, connections: int, patience: timedelta = _PATIENCE) -> None:
        places = max(1, connections // _SHARE)
        self._patience = patience
        self._all = asyncio.Semaphore(places)
        # One is left for the others, wherever there are two.
        self._of_tenant = max(1, min(_MOST_OF_TENANT, places - 1))
        self._own: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def place(self, tenant_id: int, *, needed: bool = True) -> AsyncGenerator[None]:
        """Hold a place inside the block; begin the transaction within.

        Args:
            tenant_id: Who searches.
            needed: Whether it is a search at all: what no filter narrows is found at once.

        Raises:
            TooManySearchesError: There was none in time.
        """
        async with AsyncExitStack() as held:
            if needed:
                await self._take(tenant_id, held)
            yield

    async def _take(self, tenant_id: int, held: AsyncExitStack) -> None:
        own = self._own.setdefault(tenant_id, asyncio.Semaphore(self._of_tenant))
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await held.enter_async_context(own)
                await held.enter_async_context(self._all)
        except TimeoutError:
            raise TooManySearchesError(
                "too many listings by filter run at once; ask for one after the other, and "
                "narrow them by created_after",
                retry_after=self._patience,
            ) from None
