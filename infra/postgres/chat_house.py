"""What is left of chats and nobody needs: found by index, forgotten in bounded pieces."""

from datetime import timedelta
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

LARGEST_PIECE: Final = 1_000
REPEATED_WITHIN: Final = timedelta(hours=48)
"""No platform repeats a request later; nobody looks at a code of /link any more."""

_INBOUND: Final = text("""
DELETE FROM chat_inbound WHERE (platform, dedupe_key) IN (
  SELECT platform, dedupe_key FROM chat_inbound
  WHERE received_at <= now() - CAST(:old AS interval)
  ORDER BY received_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")
_LINKS: Final = text("""
DELETE FROM chat_link WHERE digest IN (
  SELECT digest FROM chat_link WHERE expires_at <= now() - CAST(:old AS interval)
  ORDER BY expires_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")
_PRESSES: Final = text("""
DELETE FROM chat_press WHERE (job_id, verb, index, user_id) IN (
  SELECT job_id, verb, index, user_id FROM chat_press
  WHERE pressed_at <= now() - CAST(:old AS interval)
  ORDER BY pressed_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")
# A job may wait for longer than others are kept.
_MESSAGES: Final = text("""
DELETE FROM chat_message WHERE id IN (
  SELECT id FROM chat_message m WHERE created_at <= now() - CAST(:old AS interval)
    AND NOT EXISTS (SELECT 1 FROM live l WHERE l.job_id = m.job_id)
  ORDER BY created_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")


async def forget_inbound(connection: AsyncConnection, old: timedelta) -> int:
    """Delete requests that were heard so long ago; returns how many."""
    return await _forget(connection, _INBOUND, old)


async def forget_links(connection: AsyncConnection, old: timedelta) -> int:
    """Delete codes that ran out so long ago; returns how many."""
    return await _forget(connection, _LINKS, old)


async def forget_presses(connection: AsyncConnection, old: timedelta) -> int:
    """Delete buttons that were pressed so long ago; returns how many."""
    return await _forget(connection, _PRESSES, old)


async def forget_messages(connection: AsyncConnection, old: timedelta) -> int:
    """Delete messages of so long ago whose jobs have ended; returns how many."""
    return await _forget(connection, _MESSAGES, old)


async def _forget(connection: AsyncConnection, statement: TextClause, old: timedelta) -> int:
    values = {"old": old, "most": LARGEST_PIECE}
    return (await connection.execute(statement, values)).rowcount
