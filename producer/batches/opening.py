"""The keeper of a process, with the object store that it reads and writes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.doorbells import Doorbells
from infra.objectstore.opening import open_store
from infra.settings import Settings
from producer.batches.keeper import BatchKeeper
from producer.batches.parts import batch_parts
from producer.moderation import SubmitChecks
from producer.openai.endpoints import ENDPOINTS


@asynccontextmanager
async def open_keeper(
    engine: AsyncEngine,
    settings: Settings,
    doorbells: Doorbells,
    clock: Clock,
    checks: SubmitChecks,
) -> AsyncGenerator[BatchKeeper]:
    """Yield the keeper of a process; its store is closed at the end."""
    store = open_store(settings)
    try:
        parts = batch_parts(
            engine,
            settings,
            doorbells,
            clock,
            store=store,
            endpoints=ENDPOINTS,
            checks=checks,
        )
        yield BatchKeeper(parts)
    finally:
        await store.close()
