"""Words for one person: in the answer to a press, as a reply, or in their own chat.

Telegram has no message in a group that one person alone sees. What is not for all goes to the
private chat, where a bot may write only to those who wrote to it first.
"""

from typing import Final

from infra.chat.adapter import ChatHttp, Fate, SendResult
from infra.chat.telegram_calls import TelegramCalls
from infra.chat.telegram_errors import Said, refused
from infra.chat.telegram_steps import told_by
from infra.chat.telegram_view import notice_form, notice_toast
from schemas.chat import MessageRef
from schemas.chat_inbound import Command, Press
from schemas.chat_view import Notice, Tone

_PRIVATE_WORDS: Final = frozenset({"link", "queue", "gallery", "info", "settings"})
"""Commands that are answered with secrets, or with what somebody asked for."""
_WRITE_FIRST: Final = Notice(
    "I may not write to you yet",
    "The answer is for you alone: open a chat with me, press Start, and ask there.",
    Tone.WARNING,
)


def is_for_all(heard: Command) -> bool:
    """Return whether those who are there may read the answer."""
    return heard.place.private or heard.name not in _PRIVATE_WORDS


class TelegramTelling:
    """Says things.

    Args:
        calls: Of the bot.
    """

    def __init__(self, calls: TelegramCalls) -> None:
        self._calls: Final = calls

    async def tell(self, heard: Command | Press, notice: Notice, http: ChatHttp) -> SendResult:
        """Say a notice to the one who asked; nothing is raised but cancellation."""
        if isinstance(heard, Press):
            return await self._tell_press(heard, notice, http)
        if is_for_all(heard):
            return await self._write(heard.ref, notice, http, private=heard.place.private)
        return await self._tell_alone(heard, notice, http)

    async def rest(self, press: Press, http: ChatHttp) -> SendResult:
        """Have the button stop spinning, and say nothing."""
        return await self._toast(press, "", http)

    async def _tell_press(self, press: Press, notice: Notice, http: ChatHttp) -> SendResult:
        result = await self._toast(press, notice_toast(notice), http)
        if result.fate is not Fate.HOPELESS:
            return result
        # Telegram waits for some seconds only.
        return await self._tell_alone(press, notice, http)

    async def _toast(self, press: Press, text: str, http: ChatHttp) -> SendResult:
        if press.callback_id is None:
            return SendResult(Fate.HOPELESS, press.ref, detail="no press to be answered")
        call = self._calls.answer_press(press.callback_id, text, alert=bool(text))
        return _result(await told_by(http, call), press.ref)

    async def _tell_alone(
        self, heard: Command | Press, notice: Notice, http: ChatHttp
    ) -> SendResult:
        if heard.place.private:
            return await self._write(heard.ref, notice, http, private=True)
        alone = MessageRef(heard.user.id)
        result = await self._write(alone, notice, http, private=True)
        if result.fate not in {Fate.LEFT, Fate.HOPELESS}:
            # How the private chat is reached is not how the place is.
            return SendResult(result.fate, heard.ref, pause=result.pause, status=result.status)
        return await self._write(heard.ref, _WRITE_FIRST, http, private=False)

    async def _write(
        self, ref: MessageRef, notice: Notice, http: ChatHttp, *, private: bool
    ) -> SendResult:
        form = notice_form(notice, private=private)
        return _result(await told_by(http, self._calls.send_message(ref, form)), ref)


def _result(said: Said | None, ref: MessageRef) -> SendResult:
    if said is None:
        return SendResult(Fate.AGAIN, ref, detail="no answer")
    if said.ok:
        return SendResult(Fate.TAKEN, ref, status=said.status)
    return refused(said, ref)
