"""What a dispatcher does for people's data besides: retention, erasures, evidence, files."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import SystemClock
from infra.doorbells import Doorbells
from infra.objectstore.opening import open_store
from infra.settings import Settings
from producer.cancel import Canceller
from producer.file_janitor import FileJanitor
from producer.privacy.erasure_walk import ErasureWalk
from producer.privacy.janitor import Janitor
from schemas.errors import DatabaseUnavailableError, ObjectStoreError

_SWEEP_SECONDS: Final = 3.0
_ERASE_SECONDS: Final = 1.0
_EVIDENCE_SECONDS: Final = 60.0
_FILES_SECONDS: Final = 30.0
_MORE_SECONDS: Final = 0.05

_log: Final = structlog.get_logger()


@asynccontextmanager
async def keeping_duties(
    engine: AsyncEngine, settings: Settings, doorbells: Doorbells
) -> AsyncGenerator[None]:
    """Do all of it inside the block, again and again."""
    store = open_store(settings)
    walk = ErasureWalk(engine, settings, store, Canceller(engine, settings, doorbells))
    janitor = Janitor(engine, settings, store, SystemClock())
    files = FileJanitor(engine, store)

    async def forget() -> bool:
        await janitor.forget_evidence()
        return False

    tasks = [
        asyncio.create_task(_every(_ERASE_SECONDS, walk.step)),
        asyncio.create_task(_every(_SWEEP_SECONDS, janitor.sweep)),
        asyncio.create_task(_every(_EVIDENCE_SECONDS, forget)),
        asyncio.create_task(_every(_FILES_SECONDS, files.sweep)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await store.close()


async def _every(seconds: float, duty: Callable[[], Awaitable[bool]]) -> None:
    while True:
        more = False
        try:
            more = await duty()
        except (DatabaseUnavailableError, ObjectStoreError) as error:
            _log.warning("duty_failed", code=error.code, reason=error.message)
        except Exception:  # noqa: BLE001 - one row that no duty can read must not end the others
            _log.exception("duty_failed")
        await asyncio.sleep(_MORE_SECONDS if more else seconds)
