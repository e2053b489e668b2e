"""People on Telegram: what they write and press comes as updates with the webhook's secret.

An answer may be a call itself (``{"method": "sendMessage", …}``): it is judged like any other.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from infra.simulator.chat.acting import Messenger, Said
from infra.simulator.chat.ledger import Ledger
from infra.simulator.chat.messages import Form, Message, Picture
from infra.simulator.chat.telegram_world import (
    BOT_NAME,
    USER,
    Callback,
    TelegramChat,
    TelegramWorld,
    photo_json,
)
from infra.simulator.chat.wire import RefusedError, object_of

PATH: Final = "/chat/telegram"
SECRET: Final = "fake_telegram-secret"  # noqa: S105 - of a platform that is none

Call = Callable[[str, Mapping[str, Any]], Any]


class TelegramPeople:
    """Acts as a user, over ``messenger``."""

    def __init__(self, world: TelegramWorld, ledger: Ledger, call: Call) -> None:
        self.messenger: Final = Messenger(world.clock, ledger)
        self._world: Final = world
        self._ledger: Final = ledger
        self._call: Final = call

    def upload(self, name: str, media_type: str, data: bytes) -> Picture:
        """Return a picture that can be sent with a command."""
        return self._world.keep(name, media_type, data)

    async def say(
        self,
        text: str,
        *,
        user: int = USER,
        chat: int | None = None,
        picture: Picture | None = None,
        reply_to: Message | None = None,
        times: int = 1,
    ) -> Said:
        """Write a message: ``/imagine a red kite --ar 16:9``.

        Args:
            text: All of it; in groups, ``@genqbot`` is put after the command's name.
            user: Their id.
            chat: Where; the private chat with the bot unless told. Groups are below 0.
            picture: It is its caption then.
            reply_to: It answers this message.
            times: How often the same update is sent, all at once.
        """
        room = self._world.chat(user if chat is None else chat)
        name, space, words = text.partition(" ")
        if room.kind != "private" and text.startswith("/") and "@" not in name:
            name = f"{name}@{BOT_NAME}"
        text = f"{name}{space}{words}"
        told = self._message(room, user, text, picture)
        if reply_to is not None:
            told["reply_to_message"] = self._world.message_json(reply_to)
        return await self._send({"message": told}, times)

    async def press(
        self,
        message: Message,
        which: str,
        *,
        user: int = USER,
        times: int = 1,
        forged: bool = False,
    ) -> Said:
        """Press a button, by its label or its callback data.

        Args:
            message: It is under this one.
            which: Which.
            user: Who.
            times: How often the same update is sent, all at once.
            forged: The data is sent, whether there is such a button or not.

        Raises:
            LookupError: There is no such button.
        """
        data = which if forged else _pressable(message, which)
        number = self._world.next_number()
        held = Callback(f"callback-{number}", self._world.clock.monotonic())
        self._world.callbacks[held.id] = held
        query = {
            "id": held.id,
            "from": _person(user),
            "chat_instance": "-1",
            "message": self._world.message_json(message),
            "data": data,
        }
        said = await self._send({"callback_query": query}, times)
        said.token = held.id
        return said

    async def again(self, said: Said, times: int = 1) -> Said:
        """Send the same update once more."""
        more = Said(said.path, said.headers, said.body, message=said.message, token=said.token)
        return await self.messenger.send(more, times=times)

    def told(self, said: Said) -> dict[str, Any] | None:
        """Return what a pressed button was answered with; ``None``: it still spins."""
        return self._world.callbacks[said.token].told

    async def _send(self, told: Mapping[str, Any], times: int) -> Said:
        body = orjson.dumps({"update_id": 1000 + self._world.next_number(), **told})
        headers = {
            "X-Telegram-Bot-Api-Secret-Token": SECRET,
            "Content-Type": "application/json",
        }
        said = await self.messenger.send(Said(PATH, headers, body), times=times)
        self._take(said)
        return said

    def _take(self, said: Said) -> None:
        """Act on the call that an answer is, if it is one."""
        told = object_of(said.answer.json)
        if not told or "method" not in told:
            return
        method = str(told.pop("method"))
        there = set(self._world.board.messages)
        try:
            self._call(method, told)
        except RefusedError as refusal:
            if not refusal.expected:
                self._ledger.accuse(f"the answer to an update, {method}: {refusal}")
            return
        made = [one for key, one in self._world.board.messages.items() if key not in there]
        said.message = made[0] if made else None

    def _message(
        self, chat: TelegramChat, user: int, text: str, picture: Picture | None
    ) -> dict[str, Any]:
        number = self._world.next_number()
        told: dict[str, Any] = {
            "message_id": number,
            "from": _person(user),
            "chat": chat.json(),
            "date": int(self._world.clock.now().timestamp()),
        }
        field = "text" if picture is None else "caption"
        told[field] = text
        if text.startswith("/"):
            length = len(text.split(maxsplit=1)[0].encode("utf-16-le")) // 2
            entity = {"type": "bot_command", "offset": 0, "length": length}
            told["entities" if picture is None else "caption_entities"] = [entity]
        if picture is not None:
            told["photo"] = [photo_json(picture)]
        form = Form(self._world.clock.monotonic(), text, () if picture is None else (picture,))
        self._world.board.post(Message(str(number), str(chat.id), str(user), [form]))
        return told


def _person(user: int) -> dict[str, Any]:
    return {"id": user, "is_bot": False, "first_name": "Nelly", "language_code": "en"}


def _pressable(message: Message, which: str) -> str:
    for button in message.buttons:
        if which in {button.label, button.id} and button.id is not None:
            return button.id
    raise LookupError(f"no button {which!r}: there are {message.labels}")
