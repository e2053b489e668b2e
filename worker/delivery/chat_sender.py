"""Sends to chats: brings a message to what its job is now, whichever event asks for it.

Everything that must not be lost is in ``chat_message``: what each step came to is written
before the next one, so a process that dies goes on where it was.
"""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import structlog

from infra.chat.adapter import ChatAdapter, Fate, SendResult
from infra.clock import Clock
from infra.postgres.delivery import Owed
from infra.telemetry.metrics import CHAT_SENDS
from schemas.chat import MessageRef, MessageState, Platform, of_chat_url
from schemas.chat_view import View
from schemas.errors import GenqError
from schemas.job import JobRecord
from schemas.receiver import Receiver
from schemas.webhook_errors import SealedValueError
from worker.delivery.by_url import no_bot
from worker.delivery.chat_bots import ChatBots
from worker.delivery.chat_fates import (
    OVERTAKEN,
    crowded,
    is_for_progress,
    nothing_sent,
    over,
    resting,
    result_of,
)
from worker.delivery.chat_look import ChatLooks, Look
from worker.delivery.chat_pace import ChatPace
from worker.delivery.chat_records import ChatRecords
from worker.delivery.result import Outcome, Result

# From the first rung of a ladder to the last, with a post before each edit.
_MOST_STEPS: Final = 10
# Pictures that a platform refuses are made smaller once, then left out.
_SMALLER: Final = 4
# What is refused though it is no larger is hardly refused for its size.
_SMALL: Final = 64 << 10
# Messages of one platform whose pictures are in memory.
_MOST_SHOWN: Final = 16

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bot:
    """One platform's bot: what speaks its language, and the way out."""

    adapter: ChatAdapter
    pace: ChatPace
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_SHOWN))
    """For messages whose pictures are in memory. Who finds none comes again in a moment."""


@dataclass(frozen=True, slots=True)
class _Sending:
    """A message on its way.

    Attributes:
        progress: It is of no use later.
        origin: Of its channel.
    """

    bot: Bot
    look: Look
    job: JobRecord
    ref: MessageRef
    progress: bool
    origin: str

    @property
    def final(self) -> bool:
        return self.look.status.final


class ChatSender:
    """Sends messages of jobs.

    Args:
        bots: Of the platforms.
        looks: Say what is to be shown.
        records: Keep what came of it.
        standing: Whether the bots may speak.
        clock: Tells the time, and measures.
    """

    def __init__(
        self,
        bots: Mapping[Platform, Bot],
        looks: ChatLooks,
        records: ChatRecords,
        standing: ChatBots,
        clock: Clock,
    ) -> None:
        self._bots = bots
        self._looks = looks
        self._records = records
        self._standing = standing
        self._clock = clock

    async def send(self, owed: Owed, receiver: Receiver) -> Result:
        """Bring the message to what its job is now, and say what came of it."""
        del receiver
        began = self._clock.monotonic()
        try:
            result = await self._send(owed)
            if result is OVERTAKEN:
                result = await self._send(owed)
        except GenqError as error:
            # PostgreSQL, the store, a key that is missing: none of it is the platform's fault.
            _log.warning("chat_not_sent", delivery_id=str(owed.id), reason=error.code)
            result = Result(Outcome.INTERNAL, timedelta(), detail=error.code)
        return replace(result, duration=timedelta(seconds=self._clock.monotonic() - began))

    async def _send(self, owed: Owed) -> Result:
        named = of_chat_url(owed.url)
        bot = None if named is None else self._bots.get(named[0])
        if named is None or bot is None:
            return no_bot(owed.age)
        hindrance = await self._standing.hindrance(named[0])
        if hindrance is not None:
            return hindrance
        look = await self._looks.look(named[1])
        if look is None or look.message.tenant_id != owed.tenant_id:
            return over("its message is gone")
        if look.message.state is MessageState.FINAL:
            return nothing_sent("it shows its last form already")
        if look.message.state is not MessageState.OPEN or look.job is None:
            return _ended()
        return await self._brought(
            _Sending(
                bot, look, look.job, self._ref_of(look), is_for_progress(owed.kind), owed.origin
            )
        )

    async def _brought(self, sending: _Sending) -> Result:
        if sending.progress and not sending.final and self._is_too_soon(sending):
            return nothing_sent("it was edited a moment ago")
        if not (sending.final and sending.job.kind.pictures):
            return await self._fitted(sending)
        room = sending.bot.room
        if room.locked():
            return crowded()
        async with room:
            return await self._fitted(sending)

    def _ref_of(self, look: Look) -> MessageRef:
        try:
            return self._records.ref_of(look.message)
        except SealedValueError:
            # Without its own token there are other ways to a message.
            _log.error("chat_token_unreadable", message_id=str(look.message.id))
            return look.message.ref

    def _is_too_soon(self, sending: _Sending) -> bool:
        message, limits = sending.look.message, sending.bot.adapter.limits
        if not self._standing.may_chatter(message.platform):
            return True
        least = limits.group_edit_seconds if message.place_id else limits.edit_seconds
        return message.edited_ago is not None and message.edited_ago < least

    async def _fitted(self, sending: _Sending) -> Result:
        """Send with pictures as large as they may be; if they are refused, smaller, then none.

        The words, and a link, are worth more than that a platform takes the picture.
        """
        adapter = sending.bot.adapter
        limit = sending.ref.limit or adapter.limits.file_bytes
        # A preview is not worth a second try.
        smaller = sending.final
        while True:
            view = await self._looks.view(
                sending.look, sending.job, most=limit, previews=adapter.limits.previews
            )
            digest = adapter.digest(sending.ref, view)
            if digest == sending.look.message.rendered:
                if sending.final:
                    await self._records.end(sending.look.message, MessageState.FINAL)
                return nothing_sent("it shows this already")
            sent, ref = await self._steps(sending, view)
            if isinstance(sent, Result):
                return sent
            sending = replace(sending, ref=ref)
            if sent.fate is not Fate.HOPELESS or not view.pictures:
                return await self._told(sending, sent)
            size = max(len(one.data) for one in view.pictures)
            limit = max(min(limit, size) // _SMALLER, _SMALL) if smaller else 0
            smaller = False

    async def _steps(
        self, sending: _Sending, view: View
    ) -> tuple[SendResult | Result, MessageRef]:
        """Return what the last step came to, and the ref after it, which is written."""
        adapter, ref, message = sending.bot.adapter, sending.ref, sending.look.message
        still_open = await self._records.is_open(message)
        for _ in range(_MOST_STEPS):
            posts = still_open and adapter.posts(ref, view)
            if posts:
                if sending.progress and not sending.final:
                    return nothing_sent("there is no message to edit"), ref
                still_open = await self._records.begin_posting(message)
            if not still_open:
                return _ended(), ref
            sent, rests = await self._step(sending, ref, view)
            if rests:
                if posts:
                    # Nothing was: who comes next need not wonder.
                    await self._records.save(message, ref, None)
                return resting(rests), ref
            ref = sent.ref
            taken = sent.fate is Fate.TAKEN
            digest = adapter.digest(ref, view) if taken else None
            still_open = await self._records.save(
                message, ref, digest, last=taken and sending.final
            )
            if not (still_open or sending.final) and await self._records.reopen(message):
                return OVERTAKEN, ref
            if sent.fate is not Fate.NEXT or sent.pause > 0:
                return sent, ref
        _log.error("chat_steps_without_end", message_id=str(message.id))
        return SendResult(Fate.HOPELESS, ref, detail="it took too many steps"), ref

    async def _step(
        self, sending: _Sending, ref: MessageRef, view: View
    ) -> tuple[SendResult, float]:
        """Return what one step came to, and for how long its channel rests instead."""
        platform = sending.look.message.platform
        async with sending.bot.pace.line(sending.origin) as line:
            sent = await sending.bot.adapter.send(
                ref, view, line, now=self._clock.now(), nonce=_nonce(sending.look)
            )
            if line.rests > 0:
                return sent, line.rests
            if sent.pause > 0 and not sent.of_bot and sent.fate is not Fate.AGAIN:
                line.leave(sent.pause)
        CHAT_SENDS.labels(platform.value, sent.fate.value).inc()
        if sent.invalid:
            self._standing.note_invalid(platform)
        return sent, 0.0

    async def _told(self, sending: _Sending, sent: SendResult) -> Result:
        """Write down how it ended, where it did, and return what the attempt came to."""
        message = sending.look.message
        if sent.of_bot and sent.pause > 0:
            await self._standing.pause(message.platform, sent.pause)
        match sent.fate:
            case Fate.STOPPED:
                await self._standing.stop(message.platform, sent.detail or "token refused")
            case Fate.GONE:
                detail = sent.detail or "the message was deleted"
                await self._records.end(message, MessageState.GONE, detail)
            case Fate.LEFT:
                await self._records.leave(message, sent.detail or "the bot may not write there")
            case Fate.HOPELESS if sending.final:
                await self._records.give_up(message, sent.detail or "no way is left")
            case _:
                pass
        return result_of(sent)


def _ended() -> Result:
    return over("nothing more is sent to this message")


def _nonce(look: Look) -> str:
    """Return 22 characters that are the same for the same message, whoever sends it."""
    return base64.urlsafe_b64encode(look.message.id.bytes).decode("ascii").rstrip("=")
