"""Telegram's Bot API under ``/telegram/bot<token>/…``, and its files."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.clock import Clock
from infra.simulator.chat.ledger import Ledger, Logged
from infra.simulator.chat.messages import Board, Message
from infra.simulator.chat.telegram_calls import TelegramCalls
from infra.simulator.chat.telegram_people import TelegramPeople
from infra.simulator.chat.telegram_rates import TelegramRates
from infra.simulator.chat.telegram_spec import telegram_spec
from infra.simulator.chat.telegram_world import TelegramChat, TelegramWorld, denied, path_of
from infra.simulator.chat.wire import (
    Answer,
    Part,
    Request,
    UnreadableError,
    form_of,
    object_of,
    parts_of,
    read_json,
    said,
)

BOT_TOKEN: Final = "987654321:fake-telegram-bot-token-0123456789a"  # noqa: S105 - of no platform
_CALL: Final = re.compile(r"/telegram/bot([^/]+)/(\w+)")
_FILE: Final = re.compile(r"/telegram/file/bot([^/]+)/(.+)")
# What does not count as a message.
_UNCOUNTED: Final = frozenset({"sendChatAction", "answerCallbackQuery", "deleteMessage"})

Call = Callable[[Mapping[str, Any], Mapping[str, Part]], Any]


class Telegram:
    """The platform.

    Attributes:
        world: What is there.
        people: Acts as a user.
        bot_token: Stands in the path of every call.
    """

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self.ledger: Final = ledger
        self.world: Final = TelegramWorld(clock)
        self.rates: Final = TelegramRates(clock)
        self.calls: Final = TelegramCalls(self.world, ledger)
        self.people: Final = TelegramPeople(self.world, ledger, self.call)
        self.bot_token = BOT_TOKEN
        self._revoked = False

    @property
    def board(self) -> Board:
        """All messages."""
        return self.world.board

    def answer(self, request: Request, entry: Logged) -> Answer:
        """Answer one request of the bot.

        Raises:
            RefusedError: It is refused.
        """
        file = _FILE.fullmatch(request.path)
        if file is not None:
            return self._file(file[1], file[2])
        found = _CALL.fullmatch(request.path)
        if found is None:
            raise denied(404, "Not Found")
        self._check_token(found[1])
        told, files = _read(found[2], request)
        entry.told = told
        return said({"ok": True, "result": self.call(found[2], told, files)})

    def call(
        self, method: str, told: Mapping[str, Any], files: Mapping[str, Part] | None = None
    ) -> Any:
        """Act on a call, whichever way it came; return its result.

        Raises:
            RefusedError: It is refused.
        """
        parts = files or {}
        faults = telegram_spec().faults(method, told, tuple(parts))
        if faults:
            status = 404 if faults[0].endswith("no such method") else 400
            raise denied(status, f"Bad Request: {'; '.join(faults)}")
        act = self.calls.methods().get(method)
        if act is None:
            raise denied(400, f"Bad Request: {method} is not played here")
        if "chat_id" in told:
            chat = self.calls.chat_of(told)
            if method not in _UNCOUNTED:
                self.rates.take(chat)
        return act(told, parts)

    def revoke_token(self) -> None:
        """Let no bot token be right any more, until ``bot_token`` is set."""
        self._revoked = True
        self.bot_token = ""

    def delete(self, message: Message) -> None:
        """Delete a message, as a user does."""
        self.world.board.delete(message)

    def block(self, chat_id: int) -> TelegramChat:
        """Let a user block the bot, or a group throw it out."""
        chat = self.world.chat(chat_id)
        if chat.kind == "private":
            chat.refuses = "Forbidden: bot was blocked by the user"
        else:
            chat.refuses = f"Forbidden: bot was kicked from the {chat.kind} chat"
        return chat

    def migrate(self, chat_id: int, moved_to: int) -> TelegramChat:
        """Let a group become a supergroup; its messages come along."""
        chat = self.world.chat(chat_id)
        chat.moved_to = moved_to
        made = self.world.chat(moved_to)
        for (channel, number), message in list(self.world.board.messages.items()):
            if channel == str(chat_id):
                message.channel = str(moved_to)
                self.world.board.messages[str(moved_to), number] = message
                del self.world.board.messages[channel, number]
        return made

    def _check_token(self, token: str) -> None:
        if token != self.bot_token:
            raise denied(401, "Unauthorized", expected=self._revoked)

    def _file(self, token: str, path: str) -> Answer:
        self._check_token(token)
        files = self.world.files.values()
        found = next((one for one in files if path_of(one.id) == path), None)
        if found is None:
            raise denied(404, "Not Found")
        return Answer(200, found.data, media_type="application/octet-stream")


def _read(method: str, request: Request) -> tuple[dict[str, Any], dict[str, Part]]:
    """Return the parameters of a call, and the files with it."""
    spec = telegram_spec()
    kind = request.media_type
    try:
        if kind == "application/json":
            told = object_of(read_json(request.body))
            if told is None:
                raise denied(400, "Bad Request: the body is no JSON object")
            return told, {}
        if kind == "application/x-www-form-urlencoded":
            return spec.read_form(method, form_of(request)), {}
        if kind == "multipart/form-data":
            parts = parts_of(request)
            plain = {one.name: one.data.decode() for one in parts if one.filename is None}
            files = {one.name: one for one in parts if one.filename is not None}
            if len(plain) + len(files) != len(parts):
                raise denied(400, "Bad Request: a part is there twice")
            return spec.read_form(method, plain), files
    except (UnreadableError, UnicodeDecodeError):
        raise denied(400, f"Bad Request: can't parse the {kind} body") from None
    return spec.read_form(method, dict(request.query)), {}
