"""Chats: who, where, which message and which button. No platform's words are here.

``schemas/chat_inbound.py`` is what is asked for, ``schemas/chat_view.py`` what is shown;
``infra/chat`` makes a platform's words of them, one adapter each.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from schemas.ids import InvalidIdError, format_id, parse_id


class Platform(StrEnum):
    """Where people chat."""

    DISCORD = "discord"
    SLACK = "slack"
    TELEGRAM = "telegram"


class Verb(StrEnum):
    """What a button does, as its action id says it."""

    UPSCALE = "u"
    VARY = "v"
    REROLL = "r"
    CANCEL = "c"
    APPEAL = "a"
    """Ask a person to look at what safety refused."""


_ACTION: Final = re.compile(r"g1:([a-z]):([0-9]{1,2}):([0-9A-Za-z]{26})")


@dataclass(frozen=True, slots=True)
class ChatAction:
    """A button: what it does, to which picture (from 1; 0: to none), of which job.

    Its id is ``g1:<verb>:<index>:<26 characters of the job's id>``: 33 bytes for one digit,
    within Telegram's 64 and Discord's 100. Whoever presses one may have forged it.
    """

    verb: Verb
    index: int
    job_id: UUID

    @property
    def id(self) -> str:
        """Return what the platform sends back when it is pressed."""
        return f"g1:{self.verb}:{self.index}:{format_id('job', self.job_id)[4:]}"

    @classmethod
    def parse(cls, text: str) -> "ChatAction | None":
        """Return the action that an id names; ``None``: it is none of ours."""
        found = _ACTION.fullmatch(text)
        if found is None:
            return None
        verb, index, job = found.groups()
        try:
            return cls(Verb(verb), int(index), parse_id("job", f"job_{job.lower()}"))
        except (ValueError, InvalidIdError):
            return None


def end_user_of(platform: Platform, user_id: str) -> str:
    """Return what jobs call somebody on a platform: their ``end_user``."""
    return f"{platform}:{user_id}"


@dataclass(frozen=True, slots=True)
class ChatUser:
    """Somebody in a chat.

    Attributes:
        id: As the platform numbers them; ``end_user`` of their jobs is ``<platform>:<id>``.
        name: As they call themselves: hostile text, to be escaped wherever it is shown.
        manages: They may manage the place, as the platform's own request says.
    """

    id: str
    name: str = field(default="", repr=False)
    manages: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was said.

    Attributes:
        id: Of what is bound to a tenant: a Discord guild, a Slack workspace, a Telegram chat;
            empty in a private conversation with the bot (there the user is bound), but on
            Slack, where it is the workspace: what is bound there holds in its direct messages.
        channel: Where the message goes; on Telegram the chat, its topic is ``thread``.
        private: Nobody but the user and the bot sees it.
        thread: Of a forum or a thread, where the platform has it apart from the channel.
        parent: The channel that a thread belongs to, where ``channel`` is the thread itself.
    """

    id: str
    channel: str
    private: bool = False
    thread: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class MessageRef:
    """How one message is reached. A JSON column: every field may be missing in an old row.

    Attributes:
        channel: As in ``Place``.
        message: Discord's message id, Slack's ``ts``, Telegram's ``message_id``; ``None``:
            there is none yet, or (Discord) it is the answer to the interaction itself.
        token: Discord's interaction token, or Slack's ``response_url``. A secret: it is kept
            sealed, and never logged.
        token_until: When that must not be used any more (aware): received + 14 min 30 s on
            Discord, + 30 min on Slack.
        original: Discord: the message is ``@original`` of the token's interaction.
        uses: How often Slack's ``response_url`` was used; it serves five times. Discord: the
            rung on which the message was made, 2 or 3, if it is not the first one.
        rung: Discord's ladder: 0 token, 1 bot token and message, 2 a new message in the
            channel, 3 a direct message. Telegram: what the message is,
            0 text, 1 a picture, 2 text with drafts beside it.
        reply_to: The message that a new one answers.
        thread: As in ``Place``.
        limit: Discord's ``attachment_size_limit`` in bytes; 0: the platform's own.
        upload: Slack: the files that were uploaded to be shown, as its adapter writes them.
    """

    channel: str
    message: str | None = None
    token: str | None = field(default=None, repr=False)
    token_until: datetime | None = None
    original: bool = False
    uses: int = 0
    rung: int = 0
    reply_to: str | None = None
    thread: str | None = None
    limit: int = 0
    upload: str | None = None


class MessageState(IntEnum):
    """Where a message stands (``chat_message.state``)."""

    OPEN = 1
    FINAL = 2
    """Its last form was taken by the platform."""
    GONE = 3
    """A user deleted it, or the bot may not write there: nothing more is sent."""
    UNDELIVERABLE = 4
    """No way was left; the result waits in /v1/jobs."""


_LANE_DIGITS: Final = 24
CHAT_SCHEME: Final = "chat-"
"""How the URLs of messages begin; those of receivers of webhooks begin with http."""


def chat_url(platform: Platform, channel: str, message_id: UUID) -> str:
    """Return what stands for a webhook's URL in a delivery to a chat message.

    Its origin, ``chat-<platform>://<digest of the channel>``, is the lane: one for each bucket
    of rates. The channel of a private conversation may be the person's own id, which is to
    stand neither in logs nor in rows that outlive it. No caller can write such a URL: those of
    webhooks begin with http.
    """
    lane = sha256(f"{platform}:{channel}".encode()).hexdigest()[:_LANE_DIGITS]
    return f"{CHAT_SCHEME}{platform}://{lane}/{message_id}"


def of_chat_url(url: str) -> tuple[Platform, UUID] | None:
    """Return the platform and the message that a delivery's URL stands for, if it does."""
    scheme, _, rest = url.partition("://")
    if not scheme.startswith(CHAT_SCHEME):
        return None
    return Platform(scheme.removeprefix(CHAT_SCHEME)), UUID(rest.rpartition("/")[2])


def ref_json(ref: MessageRef) -> dict[str, Any]:
    """Return the form in which a ref is kept; its token is left out, and is sealed apart."""
    until = ref.token_until.isoformat() if ref.token_until else None
    kept: dict[str, Any] = {
        "channel": ref.channel,
        "message": ref.message,
        "token_until": until,
        "original": ref.original,
        "uses": ref.uses,
        "rung": ref.rung,
        "reply_to": ref.reply_to,
        "thread": ref.thread,
        "limit": ref.limit,
        "upload": ref.upload,
    }
    return {name: value for name, value in kept.items() if value}


def ref_of(kept: Mapping[str, Any], token: str | None) -> MessageRef:
    """Return the ref of a row, its token opened."""
    until = kept.get("token_until")
    return MessageRef(
        channel=kept["channel"],
        message=kept.get("message"),
        token=token,
        token_until=datetime.fromisoformat(until) if until else None,
        original=kept.get("original", False),
        uses=kept.get("uses", 0),
        rung=kept.get("rung", 0),
        reply_to=kept.get("reply_to"),
        thread=kept.get("thread"),
        limit=kept.get("limit", 0),
        upload=kept.get("upload"),
    )
