"""Keeps house among batches: those past retention go, as their jobs do."""

from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.forgotten_batches import forget_old_batches

# Of one round; the next round goes on.
_PIECES: Final = 400

_log: Final = structlog.get_logger()


async def keep_batch_house(engine: AsyncEngine, before: datetime) -> None:
    """Run one round, in many short transactions.

    Args:
        engine: Connections.
        before: What ended later stays.
    """
    forgotten = 0
    for _ in range(_PIECES):
        async with transaction(engine) as connection:
            piece = await forget_old_batches(connection, before=before)
        forgotten += piece
        if not piece:
            break
    if forgotten:
        _log.info("batches_forgotten", rows=forgotten)
