"""What Discord knows: guilds, channels, people, interactions with their tokens, messages."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from infra.clock import Clock
from infra.simulator.chat.discord_rules import EPHEMERAL, Written, pings_of
from infra.simulator.chat.messages import Board, Form, Message, Picture, PlayedButton
from infra.simulator.chat.wire import listed, nested

APPLICATION: Final = "1100000000000000001"
GUILD: Final = "1100000000000000002"
CHANNEL: Final = "1100000000000000003"
USER: Final = "80351110224678912"
FILE_LIMIT: Final = 10_485_760
TOKEN_LIFE: Final = 900.0
_ROW_TYPE, _BUTTON_TYPE = 1, 2
_STYLES: Final = {1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link"}


@dataclass(slots=True)
class Person:
    """Somebody on Discord.

    Attributes:
        permissions: As a sum of bits; 32 is the right to manage the guild.
        reachable: The bot may write to them directly.
    """

    id: str
    name: str = "Nelly"
    permissions: int = 0
    reachable: bool = True

    def json(self) -> dict[str, Any]:
        """Return a user object."""
        return {
            "id": self.id,
            "username": self.name,
            "discriminator": "0",
            "global_name": self.name,
            "avatar": None,
        }


@dataclass(slots=True)
class Channel:
    """A channel; ``guild`` is ``None`` for a direct conversation with ``person``.

    Attributes:
        seen: The bot is in it.
        writable: The bot may write there.
    """

    id: str
    guild: str | None = GUILD
    person: str | None = None
    seen: bool = True
    writable: bool = True


@dataclass(slots=True)
class Interaction:
    """A command or a press, and its token.

    Attributes:
        born: The clock's seconds; the token lives fifteen minutes.
        accepted: When Discord took the bot's first answer; ``None``: it has not.
        answered: The type of that answer.
        original: What ``@original`` is: the id of a message.
        missed: When the token answered 404 for good.
    """

    id: str
    token: str
    channel: str
    person: Person
    kind: int
    born: float
    body: bytes = field(default=b"", repr=False)
    pressed: str | None = None
    accepted: float | None = None
    answered: int | None = None
    original: str | None = None
    missed: bool = False


class DiscordWorld:
    """The state, and messages put into it."""

    def __init__(self, clock: Clock) -> None:
        self.clock: Final = clock
        self.board: Final = Board()
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {CHANNEL: Channel(CHANNEL)}
        self.interactions: dict[str, Interaction] = {}
        self.commands: list[dict[str, Any]] = []
        self.nonces: dict[tuple[str, str], Message] = {}
        self.file_limit = FILE_LIMIT
        self.url = ""
        self._ids = itertools.count(1_200_000_000_000_000_000)

    def next_id(self) -> str:
        """Return a snowflake."""
        return str(next(self._ids))

    def person(self, user: str) -> Person:
        """Return a person, who is there as soon as they are named."""
        return self.people.setdefault(user, Person(user))

    def channel(self, channel_id: str) -> Channel:
        """Return a channel, which is there as soon as somebody writes in it."""
        return self.channels.setdefault(channel_id, Channel(channel_id))

    def direct(self, person: str) -> Channel:
        """Return the direct conversation of the bot with a person."""
        for channel in self.channels.values():
            if channel.person == person:
                return channel
        made = Channel(self.next_id(), guild=None, person=person)
        self.channels[made.id] = made
        return made

    def open(self, channel: str, person: Person, kind: int, token: str) -> Interaction:
        """Begin an interaction."""
        made = Interaction(self.next_id(), token, channel, person, kind, self.clock.monotonic())
        self.interactions[token] = made
        return made

    def post(self, channel: str, written: Written, *, private_to: str | None = None) -> Message:
        """Put a message of the bot up."""
        told = written.told
        reference = nested(told, "message_reference")
        message = Message(
            self.next_id(),
            channel,
            "bot",
            [self._form(written, ())],
            private_to=private_to,
            reply_to=reference.get("message_id"),
            pings=pings_of(told),
        )
        return self.board.post(message)

    def think(self, channel: str, *, private_to: str | None = None) -> Message:
        """Put up that the bot is thinking."""
        form = Form(self.clock.monotonic(), "", raw={"flags": EPHEMERAL if private_to else 0})
        message = Message(
            self.next_id(), channel, "bot", [form], private_to=private_to, pending=True
        )
        return self.board.post(message)

    def edit(self, message: Message, written: Written) -> Message:
        """Change what a message's body names; the rest stays."""
        form = self._form(written, message.pictures, message.raw)
        message.call(pings_of(written.told))
        return self.board.edit(message, form)

    def message_json(self, message: Message) -> dict[str, Any]:
        """Return a message object."""
        raw = message.raw
        flags = EPHEMERAL if message.private_to else 0
        edited = self._time(message.forms[-1].at) if message.edits else None
        return {
            "id": message.id,
            "channel_id": message.channel,
            "type": 20 if message.reply_to is None else 19,
            "content": raw.get("content") or "",
            "attachments": [self._attachment(picture) for picture in message.pictures],
            "embeds": raw.get("embeds") or [],
            "components": raw.get("components") or [],
            "mentions": [],
            "mention_roles": [],
            "mention_everyone": "everyone" in message.pings,
            "pinned": False,
            "tts": False,
            "timestamp": self._time(message.forms[0].at),
            "edited_timestamp": edited,
            "flags": flags,
            "application_id": APPLICATION,
            "webhook_id": APPLICATION,
            "author": {**Person(APPLICATION, "genq").json(), "bot": True},
        }

    def attachment_json(self, picture: Picture) -> dict[str, Any]:
        """Return an attachment object of a file that a person sends."""
        return self._attachment(picture)

    def _attachment(self, picture: Picture) -> dict[str, Any]:
        url = f"{self.url}/discord/cdn/{picture.id}/{picture.name}"
        return {
            "id": picture.id,
            "filename": picture.name,
            "content_type": picture.media_type,
            "size": len(picture.data),
            "url": url,
            "proxy_url": url,
            "description": picture.alt or None,
        }

    def _form(
        self,
        written: Written,
        there: tuple[Picture, ...],
        before: Mapping[str, Any] | None = None,
    ) -> Form:
        raw = {**(before or {}), **written.told}
        return Form(
            self.clock.monotonic(),
            _text(raw),
            self._pictures(written, there),
            tuple(_buttons(raw)),
            raw,
        )

    def _pictures(self, written: Written, there: tuple[Picture, ...]) -> tuple[Picture, ...]:
        told = listed(written.told, "attachments")
        if written.told.get("attachments") is None:
            told = [{"id": one.id} for one in there] + [{"id": n} for n in written.files]
        kept = {one.id: one for one in there}
        found: list[Picture] = []
        for one in told:
            alt = one.get("description")
            part = written.files.get(one["id"])
            if part is None:
                found.append(kept[one["id"]])
                continue
            name = part.filename or "file"
            made = Picture(self.next_id(), name, part.media_type, part.data, alt or "")
            found.append(made)
        return tuple(found)

    def _time(self, at: float) -> str:
        ago = self.clock.monotonic() - at
        stamp = self.clock.now().timestamp() - ago
        return datetime.fromtimestamp(stamp, UTC).isoformat()


def _text(raw: Mapping[str, Any]) -> str:
    texts: list[str | None] = [raw.get("content")]
    for embed in listed(raw, "embeds"):
        texts += [embed.get("title"), embed.get("description")]
        for one in listed(embed, "fields"):
            texts += [one["name"], one["value"]]
        texts.append(nested(embed, "footer").get("text"))
    return "\n".join(text for text in texts if text)


def _buttons(raw: Mapping[str, Any]) -> list[PlayedButton]:
    found: list[PlayedButton] = []
    for number, row in enumerate(listed(raw, "components")):
        for one in listed(row, "components"):
            if row["type"] != _ROW_TYPE or one["type"] != _BUTTON_TYPE:
                continue
            label = one.get("label") or nested(one, "emoji").get("name") or ""
            found.append(
                PlayedButton(
                    label,
                    one.get("custom_id"),
                    number,
                    _STYLES.get(one["style"], ""),
                    bool(one.get("disabled")),
                    one.get("url"),
                )
            )
    return found
