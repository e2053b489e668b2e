"""What an interaction's token serves for: ``/webhooks/…`` and ``/interactions/…/callback``."""

from collections.abc import Callable, Iterator
from typing import Final

from infra.simulator.chat import discord_errors as errors
from infra.simulator.chat.discord_errors import invalid_form, refused
from infra.simulator.chat.discord_rules import (
    EPHEMERAL,
    Written,
    check_message,
    read_written,
)
from infra.simulator.chat.discord_world import (
    APPLICATION,
    TOKEN_LIFE,
    DiscordWorld,
    Interaction,
)
from infra.simulator.chat.ledger import Ledger, Logged
from infra.simulator.chat.messages import Message
from infra.simulator.chat.wire import Answer, Request, said

Act = Callable[..., Answer]
Route = tuple[str, str, Act, bool]

_CALLBACK: Final = "/interactions/{interaction_id}/{interaction_token}/callback"
_HOOK: Final = "/webhooks/{webhook_id}/{webhook_token}"
_ORIGINAL: Final = f"{_HOOK}/messages/@original"
_MESSAGE: Final = f"{_HOOK}/messages/{{message_id}}"
# Discord takes our first answer a little after we gave it.
_RACE_SECONDS: Final = 5.0
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE = 4, 5, 6, 7


class DiscordWebhooks:
    """Answers, edits and follow-ups by token."""

    def __init__(self, world: DiscordWorld, ledger: Ledger) -> None:
        self._world: Final = world
        self._ledger: Final = ledger

    def routes(self) -> Iterator[Route]:
        """Yield method, path, what answers, and whether the bot's token is needed."""
        yield "POST", _CALLBACK, self._callback, False
        yield "POST", _HOOK, self._follow_up, False
        yield "GET", _ORIGINAL, self._show, False
        yield "PATCH", _ORIGINAL, self._edit, False
        yield "DELETE", _ORIGINAL, self._delete, False
        yield "GET", _MESSAGE, self._show, False
        yield "PATCH", _MESSAGE, self._edit, False
        yield "DELETE", _MESSAGE, self._delete, False

    def _callback(
        self, request: Request, entry: Logged, interaction_id: str, interaction_token: str
    ) -> Answer:
        held = self._world.interactions.get(interaction_token)
        if held is None or held.id != interaction_id:
            raise refused(errors.UNKNOWN_INTERACTION)
        written = read_written(request, "POST", _CALLBACK)
        entry.told = written.told
        accept(self._world, held, written)
        return Answer(204)

    def _follow_up(
        self, request: Request, entry: Logged, webhook_id: str, webhook_token: str
    ) -> Answer:
        held = self._held(webhook_id, webhook_token)
        written = read_written(request, "POST", _HOOK)
        entry.told = written.told
        check_message(written, limit=self._world.file_limit)
        _refuse_empty(written)
        private = bool((written.told.get("flags") or 0) & EPHEMERAL)
        to = held.person.id if private else None
        message = self._world.post(held.channel, written, private_to=to)
        if request.query.get("wait") != "true":
            return Answer(204)
        return said(self._world.message_json(message))

    def _show(
        self,
        request: Request,
        entry: Logged,
        webhook_id: str,
        webhook_token: str,
        message_id: str | None = None,
    ) -> Answer:
        del request, entry
        message = self._message(self._held(webhook_id, webhook_token), message_id)
        return said(self._world.message_json(message))

    def _edit(
        self,
        request: Request,
        entry: Logged,
        webhook_id: str,
        webhook_token: str,
        message_id: str | None = None,
    ) -> Answer:
        held = self._held(webhook_id, webhook_token)
        written = read_written(request, "PATCH", _MESSAGE if message_id else _ORIGINAL)
        entry.told = written.told
        message = self._message(held, message_id)
        edit_message(self._world, message, written)
        return said(self._world.message_json(message))

    def _delete(
        self,
        request: Request,
        entry: Logged,
        webhook_id: str,
        webhook_token: str,
        message_id: str | None = None,
    ) -> Answer:
        del request, entry
        held = self._held(webhook_id, webhook_token)
        self._world.board.delete(self._message(held, message_id))
        return Answer(204)

    def _held(self, webhook_id: str, token: str) -> Interaction:
        """Return the interaction of a token that serves now."""
        held = self._world.interactions.get(token)
        if held is None or webhook_id != APPLICATION:
            raise refused(errors.UNKNOWN_WEBHOOK, "nobody was given this token")
        age = self._world.clock.monotonic() - held.born
        if age > TOKEN_LIFE:
            raise refused(errors.INVALID_TOKEN, "its fifteen minutes are over")
        if held.accepted is None:
            if held.missed:
                self._ledger.accuse(f"{held.id}: a webhook that gave 404 was used again")
            held.missed = age > _RACE_SECONDS
            raise refused(errors.UNKNOWN_WEBHOOK, expected=True)
        return held

    def _message(self, held: Interaction, message_id: str | None) -> Message:
        sought = message_id or held.original
        message = self._world.board.messages.get((held.channel, sought or ""))
        if message is None or message.author != "bot":
            raise refused(errors.UNKNOWN_MESSAGE)
        if message.deleted:
            raise refused(errors.UNKNOWN_MESSAGE, expected=True)
        return message


def accept(world: DiscordWorld, held: Interaction, written: Written) -> Message | None:
    """Take the bot's answer to an interaction; return the message that it made or changed.

    Raises:
        RefusedError: It was answered already, its token is dead, or this is no answer to it.
    """
    if held.accepted is not None:
        raise refused(errors.ACKNOWLEDGED)
    kind = written.told["type"]
    data = Written(written.told.get("data") or {}, written.files)
    if kind not in {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE}:
        raise invalid_form((["type"], "TYPE", f"{kind} does not answer a command or a press"))
    if kind in {DEFERRED_UPDATE, UPDATE} and held.pressed is None:
        raise invalid_form((["type"], "TYPE", f"{kind} answers presses only"))
    message = _answered(world, held, kind, data)
    held.accepted, held.answered = world.clock.monotonic(), kind
    held.original = message.id if message else held.pressed
    return message


def _answered(
    world: DiscordWorld, held: Interaction, kind: int, data: Written
) -> Message | None:
    flags = data.told.get("flags") or 0
    private = held.person.id if flags & EPHEMERAL else None
    if kind == MESSAGE:
        check_message(data, limit=world.file_limit)
        _refuse_empty(data)
        return world.post(held.channel, data, private_to=private)
    if kind == DEFERRED:
        if set(data.told) - {"flags"} or flags & ~EPHEMERAL:
            raise invalid_form((["data"], "DEFERRED", "It can be ephemeral, and nothing else."))
        return world.think(held.channel, private_to=private)
    if kind == DEFERRED_UPDATE:
        if data.told:
            raise invalid_form((["data"], "DEFERRED", "It has no data."))
        return None
    message = world.board.messages.get((held.channel, held.pressed or ""))
    if message is None or message.deleted:
        raise refused(errors.UNKNOWN_MESSAGE, expected=True)
    edit_message(world, message, data)
    return message


def edit_message(world: DiscordWorld, message: Message, written: Written) -> None:
    """Edit a message of the bot.

    Raises:
        RefusedError: Discord would not take it, or it would change who sees the message.
    """
    kept = {picture.id for picture in message.pictures}
    check_message(written, limit=world.file_limit, kept=kept, editing=True)
    flags = written.told.get("flags")
    if flags is not None and bool(flags & EPHEMERAL) != (message.private_to is not None):
        raise invalid_form((["flags"], "EPHEMERAL", "Who sees a message cannot be changed."))
    merged = Written({**message.raw, **written.told}, written.files)
    if "attachments" not in written.told and message.pictures:
        merged.told["attachments"] = [{"id": one} for one in kept]
    _refuse_empty(merged)
    world.edit(message, written)


def _refuse_empty(written: Written) -> None:
    told = written.told
    parts = ("content", "embeds", "components", "attachments", "poll", "sticker_ids")
    if not written.files and not any(told.get(part) for part in parts):
        raise refused(errors.EMPTY_MESSAGE)
