"""What the bot's own token serves for: messages in channels, and direct conversations."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from infra.simulator.chat import discord_errors as errors
from infra.simulator.chat.discord_errors import invalid_form, refused
from infra.simulator.chat.discord_rules import check_message, read_written
from infra.simulator.chat.discord_webhooks import edit_message
from infra.simulator.chat.discord_world import Channel, DiscordWorld
from infra.simulator.chat.ledger import Logged
from infra.simulator.chat.messages import Message
from infra.simulator.chat.wire import Answer, Request, said

Act = Callable[..., Answer]
Route = tuple[str, str, Act, bool]

_MESSAGES: Final = "/channels/{channel_id}/messages"
_MESSAGE: Final = f"{_MESSAGES}/{{message_id}}"
_DIRECT: Final = "/users/@me/channels"
_EPHEMERAL: Final = 64
_DM_TYPE: Final = 1


class DiscordChannels:
    """Messages by the bot's token."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world: Final = world

    def routes(self) -> Iterator[Route]:
        """Yield method, path, what answers, and whether the bot's token is needed."""
        yield "POST", _MESSAGES, self._post, True
        yield "GET", _MESSAGE, self._show, True
        yield "PATCH", _MESSAGE, self._edit, True
        yield "DELETE", _MESSAGE, self._delete, True
        yield "POST", _DIRECT, self._direct, True

    def _post(self, request: Request, entry: Logged, channel_id: str) -> Answer:
        channel = self._channel(channel_id)
        written = read_written(request, "POST", _MESSAGES)
        told = entry.told = written.told
        check_message(written, limit=self._world.file_limit)
        if (told.get("flags") or 0) & _EPHEMERAL:
            raise invalid_form((["flags"], "EPHEMERAL", "Only interactions can be private."))
        if not written.files and not any(
            told.get(part) for part in ("content", "embeds", "components", "sticker_ids")
        ):
            raise refused(errors.EMPTY_MESSAGE)
        nonce = (channel.id, str(told.get("nonce")))
        there = self._world.nonces.get(nonce)
        if there is not None and told.get("enforce_nonce"):
            return said(self._world.message_json(there))
        self._check_reference(channel, told)
        message = self._world.post(channel.id, written)
        if told.get("nonce") is not None:
            self._world.nonces[nonce] = message
        return said(self._world.message_json(message))

    def _check_reference(self, channel: Channel, told: dict[str, Any]) -> None:
        reference = told.get("message_reference")
        if not reference:
            return
        there = self._world.board.messages.get((channel.id, reference.get("message_id") or ""))
        private = there is not None and there.private_to is not None
        missing = there is None or there.deleted or private
        if missing and reference.get("fail_if_not_exists", True):
            where = ["message_reference"]
            raise invalid_form((where, "REPLIES_UNKNOWN_MESSAGE", "Unknown message"))

    def _show(
        self, request: Request, entry: Logged, channel_id: str, message_id: str
    ) -> Answer:
        del request, entry
        message = self._message(self._channel(channel_id, write=False), message_id)
        return said(self._world.message_json(message))

    def _edit(
        self, request: Request, entry: Logged, channel_id: str, message_id: str
    ) -> Answer:
        channel = self._channel(channel_id)
        written = read_written(request, "PATCH", _MESSAGE)
        entry.told = written.told
        message = self._message(channel, message_id)
        if message.author != "bot":
            raise refused(errors.NOT_AUTHOR)
        edit_message(self._world, message, written)
        return said(self._world.message_json(message))

    def _delete(
        self, request: Request, entry: Logged, channel_id: str, message_id: str
    ) -> Answer:
        del request, entry
        message = self._message(self._channel(channel_id), message_id)
        self._world.board.delete(message)
        return Answer(204)

    def _direct(self, request: Request, entry: Logged) -> Answer:
        told = entry.told = read_written(request, "POST", _DIRECT).told
        person = self._world.people.get(told.get("recipient_id") or "")
        if person is None:
            raise refused(errors.UNKNOWN_USER)
        channel = self._world.direct(person.id)
        return said(
            {"id": channel.id, "type": _DM_TYPE, "recipients": [person.json()], "flags": 0}
        )

    def _channel(self, channel_id: str, *, write: bool = True) -> Channel:
        channel = self._world.channels.get(channel_id)
        if channel is None:
            raise refused(errors.UNKNOWN_CHANNEL)
        if channel.person and not self._world.people[channel.person].reachable:
            raise refused(errors.CANNOT_SEND, expected=True)
        if not channel.seen:
            raise refused(errors.MISSING_ACCESS, expected=True)
        if write and not channel.writable:
            raise refused(errors.MISSING_PERMISSIONS, expected=True)
        return channel

    def _message(self, channel: Channel, message_id: str) -> Message:
        message = self._world.board.messages.get((channel.id, message_id))
        if message is None:
            raise refused(errors.UNKNOWN_MESSAGE)
        if message.deleted:
            raise refused(errors.UNKNOWN_MESSAGE, expected=True)
        if message.private_to is not None:
            raise refused(errors.UNKNOWN_MESSAGE, "ephemeral ones are edited by token alone")
        return message
