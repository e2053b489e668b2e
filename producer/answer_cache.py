"""The cache of answers as tenants and operators see and change it."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.postgres.cache import Kept, change_use, clear, kept, uses_cache
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.flights import ground
from infra.settings import Settings
from schemas.cache import CacheClearedView, CacheView

_BATCH: Final = 5_000


class AnswerCache:
    """What is kept of a tenant's answers, and whether they are used again.

    Args:
        engine: The way to PostgreSQL.
        settings: Whether the installation uses answers again at all.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings) -> None:
        self._engine = whole_transactions(engine)
        self._enabled = settings.cache

    async def show(self, tenant_id: int) -> CacheView:
        """Return how much is kept, and how often it was used."""
        async with transaction(self._engine) as connection:
            found = await kept(connection, tenant_id)
            wanted = await uses_cache(connection, tenant_id)
        return _view(found, enabled=wanted and self._enabled)

    async def change(self, tenant_id: int, name: str, *, enabled: bool) -> CacheView:
        """Set whether the tenant's new jobs use earlier answers; what is kept stays."""
        async with transaction(self._engine) as connection:
            await change_use(connection, tenant_id, enabled=enabled)
            detail = {"enabled": enabled}
            await record(connection, tenant_id, "cache.changed", f"tenant {name}", detail)
        return await self.show(tenant_id)

    async def clear(self, tenant_id: int, name: str) -> CacheClearedView:
        """Forget all entries of the tenant, a batch and a transaction at a time.

        What is being made is not kept either: it was asked for before.
        """
        async with transaction(self._engine) as connection:
            await ground(connection, tenant_id)
        gone, some = 0, _BATCH
        while some >= _BATCH:
            async with transaction(self._engine) as connection:
                some = await clear(connection, tenant_id, batch=_BATCH)
            gone += some
        async with transaction(self._engine) as connection:
            detail = {"entries": gone}
            await record(connection, tenant_id, "cache.cleared", f"tenant {name}", detail)
        return CacheClearedView(object="cache.cleared", entries=gone)


def _view(found: Kept, *, enabled: bool) -> CacheView:
    return CacheView(
        object="cache",
        enabled=enabled,
        entries=found.entries,
        bytes=found.bytes,
        hits=found.hits,
    )
