"""Keeps house among chats: requests and codes after two days, the rest after retention."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.chat_house import (
    LARGEST_PIECE,
    REPEATED_WITHIN,
    forget_inbound,
    forget_links,
    forget_messages,
    forget_presses,
)
from producer.dispatcher.in_pieces import forget_in_pieces


async def keep_chat_house(engine: AsyncEngine, retention: timedelta) -> None:
    """Run one round, in many short transactions.

    Args:
        engine: Connections.
        retention: How long jobs are kept.
    """
    await _forget(engine, "chat_requests_forgotten", forget_inbound, REPEATED_WITHIN)
    await _forget(engine, "chat_codes_forgotten", forget_links, REPEATED_WITHIN)
    await _forget(engine, "chat_presses_forgotten", forget_presses, retention)
    await _forget(engine, "chat_messages_forgotten", forget_messages, retention)


async def _forget(
    engine: AsyncEngine,
    event: str,
    forget: Callable[[AsyncConnection, timedelta], Awaitable[int]],
    old: timedelta,
) -> None:
    await forget_in_pieces(engine, event, lambda c: forget(c, old), largest=LARGEST_PIECE)
