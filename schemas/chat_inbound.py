"""What is asked of a bot: commands, and buttons that are pressed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from schemas.chat import ChatAction, ChatUser, MessageRef, Place, Platform, end_user_of

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Attached:
    """A picture that came with a command.

    Attributes:
        url: Where it is fetched, through the outbound guard; ``None``: by ``file_id`` alone.
        file_id: Telegram's: its address holds the bot's token, so the API fetches it itself.
        size: In bytes, as the platform says; 0: it does not.
    """

    url: str | None = None
    file_id: str | None = None
    media_type: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Ping:
    """The platform asks whether we are there.

    Attributes:
        challenge: Slack's, to be given back; ``None``: there is none.
    """

    challenge: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing that is for us: it is answered 200 and forgotten."""

    why: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that somebody asked of the bot: the part that commands and presses share.

    Attributes:
        dedupe_key: The same for every repetition of the same request, and for no other.
        ref: How its answer is reached.
        received_at: Aware; deadlines count from it.
    """

    platform: Platform
    dedupe_key: str
    user: ChatUser
    place: Place
    ref: MessageRef
    received_at: datetime

    @property
    def end_user(self) -> str:
        """Return whose jobs these are, for fairness, budgets, strikes and erasure."""
        return end_user_of(self.platform, self.user.id)


@dataclass(frozen=True, slots=True)
class Command(Heard):
    """A slash command.

    Attributes:
        name: Without slash and bot name, in lower case: ``imagine``.
        text: What follows it, with flags as they were typed.
        options: What the platform hands over by name (Discord): ``speed``, ``style``.
    """

    name: str = ""
    text: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    pictures: tuple[Attached, ...] = ()


@dataclass(frozen=True, slots=True)
class Press(Heard):
    """A button that was pressed.

    Attributes:
        action: ``None``: the id is none of ours, or is damaged.
        pressed: The message that it stands on.
        callback_id: Telegram's, to be answered so that the button stops spinning.
    """

    action: ChatAction | None = None
    pressed: MessageRef | None = None
    callback_id: str | None = None


Inbound = Ping | Ignored | Command | Press
