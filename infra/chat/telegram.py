"""Telegram by its Bot API, as one of the chat adapters.

A job is one message: words that wait, then a picture in their place. It is posted by the
delivery process, never in the answer to a command, since that answer tells no message id.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, cast

import orjson

from infra.chat.adapter import ChatHttp, Fate, SendResult
from infra.chat.telegram_calls import TelegramCalls, message_parameters, press_parameters
from infra.chat.telegram_errors import read_answer
from infra.chat.telegram_inbound import is_private, parse_update
from infra.chat.telegram_steps import TelegramSteps
from infra.chat.telegram_telling import TelegramTelling, is_for_all
from infra.chat.telegram_view import LIMITS, notice_form, notice_toast, view_form
from infra.settings import Settings
from schemas.chat import MessageRef, Platform
from schemas.chat_errors import ChatNotConfiguredError, ChatUnauthorizedError
from schemas.chat_inbound import Command, Inbound, Press
from schemas.chat_view import ChatAnswer, ChatLimits, Defer, Notice, Reply, Tell, View
from schemas.picture_errors import PictureUnavailableError

FILE_BYTES: Final = 20_000_000
"""Of a file that a bot may fetch."""

_SECRET: Final = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
_NOTHING: Final = ChatAnswer(200)


class TelegramAdapter:
    """One bot.

    Args:
        settings: With its token and the secret of its webhook.

    Raises:
        ChatNotConfiguredError: They are not set.
    """

    def __init__(self, settings: Settings) -> None:
        token, secret = settings.telegram_bot_token, settings.telegram_secret
        if token is None or secret is None:
            raise ChatNotConfiguredError("telegram: no bot is configured")
        self._secret: Final = secret.get_secret_value().encode()
        self._bot_name: Final = settings.telegram_bot_name
        self._calls: Final = TelegramCalls(settings.telegram_url, token.get_secret_value())
        self._steps: Final = TelegramSteps(self._calls)
        self._telling: Final = TelegramTelling(self._calls)

    @property
    def platform(self) -> Platform:
        """Return Telegram."""
        return Platform.TELEGRAM

    @property
    def limits(self) -> ChatLimits:
        """Return what Telegram allows; it counts UTF-16 units, and an action id in bytes."""
        return LIMITS

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Let nothing pass that lacks the secret which the webhook was set with.

        Telegram signs no body and no time; a repetition is known by its ``update_id``.

        Raises:
            ChatUnauthorizedError: The secret is missing or another one.
        """
        del body, now
        told = headers.get(_SECRET, "").encode("utf-8", "backslashreplace")
        # An empty secret would be one that everybody knows.
        if not self._secret or not hmac.compare_digest(told, self._secret):
            raise ChatUnauthorizedError("the secret of the webhook is missing or wrong")

    def parse(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Inbound:
        """Return what an update asks for.

        Raises:
            ChatUnreadableError: It is no update.
        """
        del headers
        return parse_update(body, now, self._bot_name)

    def answer(self, heard: Inbound, reply: Reply | None) -> ChatAnswer:
        """Return an answer that is a method call where there is something to say.

        What is made of a command is posted later. Words that are not for all are left to
        ``tell`` in groups. A deferred press is answered by ``finish_deferred``.
        """
        match heard, reply:
            case Press(callback_id=str() as callback), Tell(notice):
                told = press_parameters(callback, notice_toast(notice), alert=True)
                return _calling("answerCallbackQuery", told)
            case Press(callback_id=str() as callback), reply if not isinstance(reply, Defer):
                told = press_parameters(callback, "", alert=False)
                return _calling("answerCallbackQuery", told)
            case Command(), Tell(notice):
                if not is_for_all(heard):
                    return ChatAnswer(200, told=False)
                form = notice_form(notice, private=heard.place.private)
                return _calling("sendMessage", message_parameters(heard.ref, form))
            case _:
                return _NOTHING

    def posts(self, ref: MessageRef, view: View) -> bool:
        """Return whether the next step makes a new message: there is none yet."""
        del view
        return ref.message is None

    def digest(self, ref: MessageRef, view: View) -> bytes:
        """Return a digest of words, buttons and picture; how it is sent plays no part."""
        private = is_private(ref.channel)
        form = view_form(view, private=private, caption=bool(view.pictures))
        found = hashlib.sha256(orjson.dumps([form.text, form.entities, form.keyboard]))
        for picture in view.pictures[:1]:
            found.update(hashlib.sha256(picture.identity).digest())
        return found.digest()

    async def send(
        self, ref: MessageRef, view: View, http: ChatHttp, *, now: datetime, nonce: str
    ) -> SendResult:
        """Take one step; Telegram knows no nonce, so a lost answer may make a second message.

        That second one is the waiting form, never the final one.
        """
        del now, nonce
        return await self._steps.take(ref, view, http)

    async def tell(self, heard: Command | Press, notice: Notice, http: ChatHttp) -> SendResult:
        """Answer a press, reply to a command, or write to the user alone."""
        return await self._telling.tell(heard, notice, http)

    async def finish_deferred(
        self, heard: Command | Press, reply: Reply, http: ChatHttp
    ) -> SendResult:
        """Say what was left to say; a message of a job is the delivery's own business."""
        if isinstance(reply, Tell):
            return await self._telling.tell(heard, reply.notice, http)
        if isinstance(heard, Press) and not isinstance(reply, Defer):
            return await self._telling.rest(heard, http)
        return SendResult(Fate.TAKEN, heard.ref)

    async def fetch_file(self, file_id: str, http: ChatHttp) -> bytes:
        """Return the bytes of a file that a user sent; its address does not leave this.

        Raises:
            PictureUnavailableError: Telegram does not give it, or it has over 20 MB.
            ChatUnreachableError: Telegram gave no whole answer.
        """
        said = read_answer(await http.send(self._calls.get_file(file_id)))
        path = _path_of(said.result)
        if path is None:
            raise PictureUnavailableError(
                "the picture cannot be fetched from Telegram (it gives bots files of up to"
                " 20 MB): send it again, smaller or as a photo"
            )
        answer = await http.send(self._calls.download(path, FILE_BYTES))
        if answer.status != HTTPStatus.OK or not answer.body:
            raise PictureUnavailableError(
                f"Telegram answered {answer.status} for the picture: send it again"
            )
        return answer.body


def _path_of(result: object) -> str | None:
    """Return where a file is; a server that keeps files as local ones names a whole path."""
    told = cast("Mapping[str, Any]", result if isinstance(result, dict) else {})
    path, size = told.get("file_path"), told.get("file_size", 0)
    if not isinstance(path, str) or not path or path.startswith("/") or ".." in path:
        return None
    return path if not isinstance(size, int) or size <= FILE_BYTES else None


def _calling(method: str, told: Mapping[str, Any]) -> ChatAnswer:
    """Return an answer that is a method call: Telegram makes it as if it had been called."""
    return ChatAnswer(200, orjson.dumps({"method": method, **told}))
