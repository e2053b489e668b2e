"""Keeps house among webhooks: secrets that expired, lanes that are idle, old recoveries."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.webhook_house import (
    LARGEST_PIECE,
    forget_expired_secrets,
    forget_idle_lanes,
    forget_old_recoveries,
)

# Of each kind in one round; the next round goes on.
_PIECES: Final = 100

_log: Final = structlog.get_logger()


async def keep_webhook_house(engine: AsyncEngine) -> None:
    """Run one round, in many short transactions."""
    await _forget(engine, "webhook_secrets_forgotten", forget_expired_secrets)
    await _forget(engine, "webhook_recoveries_forgotten", forget_old_recoveries)
    await _forget(engine, "webhook_lanes_forgotten", forget_idle_lanes)


async def _forget(
    engine: AsyncEngine, event: str, forget: Callable[[AsyncConnection], Awaitable[int]]
) -> None:
    forgotten = 0
    for _ in range(_PIECES):
        async with transaction(engine) as connection:
            piece = await forget(connection)
        forgotten += piece
        if piece < LARGEST_PIECE:
            break
    if forgotten:
        _log.info(event, rows=forgotten)
