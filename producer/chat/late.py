"""What could not be said in the answer to a request is brought afterwards."""

import asyncio
from typing import Final

import structlog

from infra.chat.adapter import ChatAdapter, Fate, SendResult
from producer.chat.asked import ChatMeans
from schemas.chat_inbound import Command, Press
from schemas.chat_view import Reply, Show, Tell

# Discord may not have seen our answer yet, or asks for a moment.
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
# A platform that wants more than this is not asked again: nobody reads the words by then.
_LONGEST_PAUSE: Final = 60.0

_log = structlog.get_logger()


async def bring_later(
    means: ChatMeans,
    adapter: ChatAdapter,
    heard: Command | Press,
    reply: Reply,
    *,
    deferred: bool = False,
) -> None:
    """Bring a reply beside the answer: words privately, or into a deferred answer's place.

    A job's message needs nothing: the delivery process brings it. A platform that does not
    take it, or wants to be left alone for over a minute, is logged: nobody waits for this any
    more.
    """
    for pause in (*_PAUSES, None):
        result = await _bring(means, adapter, heard, reply, deferred=deferred)
        if result is None or result.fate in {Fate.TAKEN, Fate.NEXT}:
            return
        wait = result.pause or pause or 0.0
        again = result.fate in {Fate.AGAIN, Fate.LIMITED} and pause is not None
        if not again or wait > _LONGEST_PAUSE:
            _log.warning(
                "chat_reply_lost",
                platform=heard.platform.value,
                fate=result.fate.value,
                status=result.status,
            )
            return
        await asyncio.sleep(wait)


async def _bring(
    means: ChatMeans,
    adapter: ChatAdapter,
    heard: Command | Press,
    reply: Reply,
    *,
    deferred: bool,
) -> SendResult | None:
    if isinstance(reply, Show):
        # As it is now by the delivery process, not as it was.
        return None
    if deferred:
        return await adapter.finish_deferred(heard, reply, means.http)
    if isinstance(reply, Tell):
        return await adapter.tell(heard, reply.notice, means.http)
    return None
