"""Forgets what nobody needs, a bounded piece and a short transaction at a time."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.engine import transaction

# Of each kind in one round; the next round goes on.
_PIECES: Final = 100

_log: Final = structlog.get_logger()


async def forget_in_pieces(
    engine: AsyncEngine,
    event: str,
    forget: Callable[[AsyncConnection], Awaitable[int]],
    *,
    largest: int,
) -> None:
    """Go on until a piece is not full, or enough was done for this round.

    Args:
        engine: Connections.
        event: What the log calls it.
        forget: Deletes a piece, and returns how many rows that were.
        largest: How many rows a full piece has.
    """
    forgotten = 0
    for _ in range(_PIECES):
        async with transaction(engine) as connection:
            piece = await forget(connection)
        forgotten += piece
        if piece < largest:
            break
    if forgotten:
        _log.info(event, rows=forgotten)
