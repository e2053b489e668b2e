"""Keeps house among chats: forgets what is old, and finds messages that were forsaken.

A delivery may be gone with its message unended: a process of a release before refuses it, its
schedule is used up. The message would say for ever that its job waits.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.new_ids import new_key
from infra.postgres.chat_house import (
    LARGEST_PIECE,
    REPEATED_WITHIN,
    forget_inbound,
    forget_links,
    forget_messages,
    forget_presses,
)
from infra.postgres.chat_looks import FIRST, Forsaken, forsaken_messages
from infra.postgres.chat_messages import end_message
from infra.postgres.engine import transaction
from infra.postgres.resends import Resend, add_resend
from producer.dispatcher.in_pieces import forget_in_pieces
from schemas.chat import MessageState
from schemas.ids import format_id
from schemas.webhook_endpoint import origin_of
from schemas.webhooks import Trigger

# Sends of now are not looked into; and so often one is owed again.
_OLD: Final = timedelta(minutes=5)
_MOST_TIMES: Final = 2

_log: Final = structlog.get_logger()


async def keep_chat_house(engine: AsyncEngine, retention: timedelta) -> None:
    """Run one round, in many short transactions.

    Args:
        engine: Connections.
        retention: How long jobs are kept.
    """
    await owe_looks(engine)
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


async def owe_looks(engine: AsyncEngine) -> None:
    """Owe a look again to messages whose jobs have ended and to which nothing is owed.

    Args:
        engine: Connections.
    """
    after, owed = FIRST, 0
    while True:
        async with transaction(engine) as connection:
            piece = await forsaken_messages(connection, after=after, old=_OLD)
            for message in piece.forsaken:
                owed += await _owe_look(connection, message)
        if piece.after is None:
            break
        after = piece.after
    if owed:
        _log.warning("chat_looks_owed_again", messages=owed)


async def _owe_look(connection: AsyncConnection, message: Forsaken) -> bool:
    """Owe a look, unless that was in vain before: then the message ends."""
    if message.event_id and message.url and message.times < _MOST_TIMES:
        look = Resend(
            id=new_key(),
            tenant_id=message.tenant_id,
            event_id=message.event_id,
            url=message.url,
            origin=origin_of(message.url),
            endpoint_id=None,
            trigger=Trigger.RECOVER,
        )
        if await add_resend(connection, look):
            return True
    why = "its deliveries ended without its last form"
    if await end_message(connection, message.id, MessageState.UNDELIVERABLE, why):
        _log.error(
            "chat_result_undeliverable",
            platform=message.platform.value,
            tenant_id=message.tenant_id,
            job_id=format_id("job", message.job_id),
            reason=why,
        )
    return False
