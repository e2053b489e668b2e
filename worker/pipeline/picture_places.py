"""How many pictures are fetched at once: from one host, for one tenant, by this process.

A host that is slow, or a tenant that names many such hosts, then holds few of the worker's
slots. A job without a place does not wait in a slot for one: it goes back to the queue.
"""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from schemas.picture_errors import PictureBusyError

_LATER: Final = timedelta(seconds=2)


class FetchPlaces:
    """The places of one process.

    Args:
        slots: Jobs that the worker runs at once. A quarter of them may fetch for one tenant,
            half of them in all.
        of_host: Fetches from one host at once.
    """

    def __init__(self, slots: int, of_host: int) -> None:
        self._of_host = max(1, min(of_host, slots // 4))
        self._of_tenant = max(1, slots // 4)
        self._of_all = max(1, slots // 2)
        self._hosts: Counter[str] = Counter()
        self._tenants: Counter[int] = Counter()
        self._all = 0

    @contextmanager
    def place(self, host: str, tenant_id: int) -> Generator[None]:
        """Hold a place while a picture is fetched.

        Raises:
            PictureBusyError: There is none.
        """
        if (
            self._hosts[host] >= self._of_host
            or self._tenants[tenant_id] >= self._of_tenant
            or self._all >= self._of_all
        ):
            raise PictureBusyError(
                "genq fetches as many pictures from this host, or for this tenant, as it does "
                "at once: the job waits for some seconds",
                retry_after=_LATER,
            )
        self._count(host, tenant_id, 1)
        try:
            yield
        finally:
            self._count(host, tenant_id, -1)

    def _count(self, host: str, tenant_id: int, change: int) -> None:
        self._all += change
        self._hosts[host] += change
        self._tenants[tenant_id] += change
        if not self._hosts[host]:
            del self._hosts[host]
        if not self._tenants[tenant_id]:
            del self._tenants[tenant_id]
