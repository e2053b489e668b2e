"""The cache of answers in the SDK: ``client.cache`` of ``Genq`` and ``AsyncGenq``."""

from typing import Final
from urllib.parse import quote

from genq.async_transport import AsyncTransport
from genq.cache_decoding import read_cache
from genq.cache_models import CacheState
from genq.calls import Call, Exchange, found_in, sending
from genq.json_fields import Fields
from genq.transport import Transport

_PATH: Final = "/v1/cache"


class Cache:
    """Identical jobs share one answer; ``cache="off"`` of a job asks the model in any case."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, *, tenant: str | None = None) -> CacheState:
        """Return how much is kept of a tenant's answers, and how often it was used.

        Args:
            tenant: For operators: of this tenant.
        """
        return self._transport.run(_get(tenant))

    def change(self, *, enabled: bool, tenant: str | None = None) -> CacheState:
        """Set whether the tenant's new jobs use earlier answers at all."""
        return self._transport.run(_change(tenant, enabled=enabled))

    def clear(self, *, tenant: str | None = None) -> int:
        """Forget what is kept; return how many answers. No job loses its output."""
        return self._transport.run(_clear(tenant))


class AsyncCache:
    """``Cache`` for asyncio."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, *, tenant: str | None = None) -> CacheState:
        """Return how much is kept; see ``Cache.get``."""
        return await self._transport.run(_get(tenant))

    async def change(self, *, enabled: bool, tenant: str | None = None) -> CacheState:
        """Switch it on or off; see ``Cache.change``."""
        return await self._transport.run(_change(tenant, enabled=enabled))

    async def clear(self, *, tenant: str | None = None) -> int:
        """Forget what is kept; see ``Cache.clear``."""
        return await self._transport.run(_clear(tenant))


def _path(tenant: str | None) -> str:
    return _PATH if tenant is None else f"/v1/admin/tenants/{quote(tenant, safe='')}/cache"


def _get(tenant: str | None) -> Exchange[CacheState]:
    return read_cache(found_in((yield Call("GET", _path(tenant)))))


def _change(tenant: str | None, *, enabled: bool) -> Exchange[CacheState]:
    call = sending("PATCH", _path(tenant), {"enabled": enabled}, "the change")
    return read_cache(found_in((yield call)))


def _clear(tenant: str | None) -> Exchange[int]:
    found = found_in((yield Call("DELETE", _path(tenant))))
    return Fields(found, "cache").number("entries")
