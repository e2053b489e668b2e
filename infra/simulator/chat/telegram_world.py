"""What Telegram knows: chats, messages, files, buttons that spin."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infra.clock import Clock
from infra.simulator.chat.messages import Board, Form, Message, Picture, PlayedButton
from infra.simulator.chat.wire import Answer, RefusedError, listed, nested, said

USER: Final = 123_456
GROUP: Final = -1_001_234_567_890
BOT: Final = 987_654_321
BOT_NAME: Final = "genqbot"
_MENTION: Final = re.compile(r"(?<!\w)@(\w{4,32})")


@dataclass(slots=True)
class TelegramChat:
    """A chat.

    Attributes:
        kind: ``private``, ``group`` or ``supergroup``.
        refuses: What the bot is told when it writes: blocked, kicked.
        moved_to: The chat that this one became.
    """

    id: int
    kind: str
    refuses: str | None = None
    moved_to: int | None = None

    def json(self) -> dict[str, Any]:
        """Return a chat object."""
        named = {"first_name": "Nelly"} if self.kind == "private" else {"title": "g"}
        return {"id": self.id, "type": self.kind, **named}


@dataclass(slots=True)
class Callback:
    """A button that was pressed and spins; ``told`` is what it was answered with."""

    id: str
    born: float
    told: dict[str, Any] | None = None


@dataclass(slots=True)
class Draft:
    """A message that is still being written, for all to see."""

    chat: int
    number: int
    texts: list[str] = field(default_factory=list[str])


class TelegramWorld:
    """The state, and messages put into it."""

    def __init__(self, clock: Clock) -> None:
        self.clock: Final = clock
        self.board: Final = Board()
        self.chats: dict[int, TelegramChat] = {}
        self.files: dict[str, Picture] = {}
        self.callbacks: dict[str, Callback] = {}
        self.drafts: dict[tuple[int, int], Draft] = {}
        self.commands: list[Any] = []
        self.url = ""
        self._numbers: Final = itertools.count(1)

    def next_number(self) -> int:
        """Return a number that was not there before."""
        return next(self._numbers)

    def chat(self, chat_id: int) -> TelegramChat:
        """Return a chat, which is there as soon as somebody writes in it."""
        kind = "private" if chat_id > 0 else "supergroup"
        return self.chats.setdefault(chat_id, TelegramChat(chat_id, kind))

    def keep(self, name: str, media_type: str, data: bytes) -> Picture:
        """Return a file with an id of its own."""
        made = Picture(f"file-{self.next_number()}", name, media_type, data)
        self.files[made.id] = made
        return made

    def post(
        self, chat: TelegramChat, told: Mapping[str, Any], picture: Picture | None
    ) -> Message:
        """Put a message of the bot up."""
        reply = nested(told, "reply_parameters").get("message_id")
        message = Message(
            str(self.next_number()),
            str(chat.id),
            "bot",
            [self._form(told, picture)],
            reply_to=None if reply is None else str(reply),
            pings=tuple(_pings(told)),
        )
        return self.board.post(message)

    def edit(
        self, message: Message, told: Mapping[str, Any], picture: Picture | None
    ) -> Message:
        """Give a message another form; without ``reply_markup`` its buttons are gone."""
        message.call(_pings(told))
        return self.board.edit(message, self._form(told, picture))

    def message_json(self, message: Message) -> dict[str, Any]:
        """Return a message object."""
        raw = message.raw
        chat = self.chat(int(message.channel))
        made: dict[str, Any] = {
            "message_id": int(message.id),
            "from": {"id": BOT, "is_bot": True, "first_name": "genq", "username": BOT_NAME},
            "chat": chat.json(),
            "date": int(self.clock.now().timestamp()),
        }
        for name in ("text", "entities", "caption", "caption_entities", "reply_markup"):
            if raw.get(name):
                made[name] = raw[name]
        if message.pictures:
            made["photo"] = [photo_json(one) for one in message.pictures]
        return made

    def _form(self, told: Mapping[str, Any], picture: Picture | None) -> Form:
        raw = {
            name: told.get(name)
            for name in ("text", "entities", "caption", "caption_entities", "reply_markup")
        }
        return Form(
            self.clock.monotonic(),
            told.get("text") or told.get("caption") or "",
            () if picture is None else (picture,),
            tuple(_buttons(told)),
            raw,
        )


def photo_json(picture: Picture) -> dict[str, Any]:
    """Return a size of a photo."""
    return {
        "file_id": picture.id,
        "file_unique_id": f"unique-{picture.id}",
        "width": 512,
        "height": 512,
        "file_size": len(picture.data),
    }


def path_of(file_id: str) -> str:
    """Return where a file is fetched."""
    return f"photos/{file_id}.bin"


def denied(
    status: int,
    description: str,
    *,
    expected: bool = False,
    parameters: Mapping[str, Any] | None = None,
) -> RefusedError:
    """Return an error in Telegram's form."""
    told: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        told["parameters"] = dict(parameters)
    return RefusedError(said(told, status), description, expected=expected)


def too_many(wait: int) -> Answer:
    """Return Telegram's 429."""
    description = f"Too Many Requests: retry after {wait}"
    return denied(429, description, parameters={"retry_after": wait}).answer


def _buttons(told: Mapping[str, Any]) -> Iterator[PlayedButton]:
    for number, row in enumerate(listed(nested(told, "reply_markup"), "inline_keyboard")):
        for one in row:
            data, style = one.get("callback_data"), one.get("style") or ""
            yield PlayedButton(one["text"], data, number, style, url=one.get("url"))


def _pings(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield whom a text calls: Telegram finds names in plain text by itself."""
    yield from _MENTION.findall(told.get("text") or told.get("caption") or "")
    for one in [*listed(told, "entities"), *listed(told, "caption_entities")]:
        if one.get("type") == "text_mention":
            yield str(one["user"]["id"])
