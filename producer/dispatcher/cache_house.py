"""Keeps the cache within its bounds, and forgets flights that are over; any dispatcher may."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.cache import evict, forget_over
from infra.postgres.engine import transaction
from infra.postgres.flight_upkeep import forget_stale, wake_left
from infra.settings import Settings
from infra.telemetry.cache_metrics import CACHE_EVICTED

CACHE_EVERY: Final = timedelta(minutes=1)
WAITS_EVERY: Final = timedelta(seconds=5)
_BATCH: Final = 500

_log: Final = structlog.get_logger()


async def keep_cache(engine: AsyncEngine, settings: Settings) -> None:
    """Go on until nothing is over or too much, a batch and a transaction at a time."""
    gone = await _all(engine, lambda c: forget_over(c, batch=_BATCH))
    most = settings.cache_max_bytes
    gone += await _all(engine, lambda c: evict(c, most=most, batch=_BATCH))
    await _all(engine, lambda c: forget_stale(c, batch=_BATCH))
    if gone:
        CACHE_EVICTED.inc(gone)
        _log.info("cache_evicted", entries=gone)


async def end_waits(engine: AsyncEngine) -> bool:
    """Let jobs go on that wait for an identical one which is over; return whether any did."""
    async with transaction(engine) as connection:
        woken = await wake_left(connection, batch=_BATCH)
    if woken:
        _log.info("waits_ended", jobs=woken)
    return woken > 0


async def _all(engine: AsyncEngine, step: Callable[[AsyncConnection], Awaitable[int]]) -> int:
    gone, some = 0, _BATCH
    while some >= _BATCH:
        async with transaction(engine) as connection:
            some = await step(connection)
        gone += some
    return gone
