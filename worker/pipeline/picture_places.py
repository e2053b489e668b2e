"""How many pictures are fetched at once: from one host, for one tenant, by this process.

A host that is slow, or a tenant that names many such hosts, then holds few of the worker's
slots. A job waits for a place for a moment only; then it goes back to the queue.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from schemas.picture_errors import PictureBusyError

_LATER: Final = timedelta(seconds=2)
_PATIENCE: Final = 1.0


@dataclass(slots=True)
class _Host:
    turns: asyncio.Semaphore
    users: int = 0


class FetchPlaces:
    """The places of one process.

    Args:
        slots: Jobs that the worker runs at once. A quarter of them may fetch, or wait to, for
            one tenant, and half of them in all.
        of_host: Fetches from one host at once.
        patience: Seconds for which a job waits in its slot for the host.
    """

    def __init__(self, slots: int, of_host: int, patience: float = _PATIENCE) -> None:
        self._of_host = max(1, min(of_host, slots // 4))
        self._of_tenant = max(1, slots // 4)
        self._of_all = max(1, slots // 2)
        self._patience = patience
        self._hosts: dict[str, _Host] = {}
        self._tenants: Counter[int] = Counter()

    @asynccontextmanager
    async def place(self, host: str, tenant_id: int) -> AsyncGenerator[None]:
        """Hold a place while a picture is fetched.

        Raises:
            PictureBusyError: There is none.
        """
        if self._tenants[tenant_id] >= self._of_tenant or self._tenants.total() >= self._of_all:
            raise _busy()
        self._tenants[tenant_id] += 1
        known = self._hosts.setdefault(host, _Host(asyncio.Semaphore(self._of_host)))
        known.users += 1
        try:
            try:
                async with asyncio.timeout(self._patience):
                    await known.turns.acquire()
            except TimeoutError:
                raise _busy() from None
            try:
                yield
            finally:
                known.turns.release()
        finally:
            known.users -= 1
            if not known.users:
                del self._hosts[host]
            self._tenants[tenant_id] -= 1
            if not self._tenants[tenant_id]:
                del self._tenants[tenant_id]


def _busy() -> PictureBusyError:
    return PictureBusyError(
        "genq fetches as many pictures from this host, or for this tenant, as it does at once: "
        "the job waits for some seconds",
        retry_after=_LATER,
    )
