"""What the bots can do, by name."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from producer.chat.asked import Asked, ChatMeans, Outcome
from producer.chat.picture_commands import blend, describe, imagine
from producer.chat.place_commands import (
    gallery,
    info,
    link,
    show_help,
    unknown,
)
from producer.chat.queue_commands import cancel, queue
from producer.chat.rule_commands import rules_of_place
from producer.chat.text_commands import ask
from schemas.chat_inbound import Command
from schemas.chat_view import Tell

Doing = Callable[[ChatMeans, Asked[Command]], Awaitable[Outcome]]
DoingForAll = Callable[[ChatMeans, Command], Awaitable[Tell]]

COMMANDS: Final[Mapping[str, Doing]] = MappingProxyType(
    {
        "imagine": imagine,
        "ask": ask,
        "describe": describe,
        "blend": blend,
        "queue": queue,
        "cancel": cancel,
        "info": info,
        "settings": rules_of_place,
        "gallery": gallery,
    }
)
"""Commands of those who are bound to a tenant."""

FOR_ALL: Final[Mapping[str, DoingForAll]] = MappingProxyType(
    {"help": show_help, "start": show_help, "link": link}
)
"""Commands of everybody; ``/start`` is what Telegram sends first."""

MAKING: Final = frozenset({"imagine", "ask", "describe", "blend"})
"""Commands that make jobs: a repetition of one is answered as the first was."""


def for_all(name: str) -> DoingForAll | None:
    """Return what a command does for everybody; ``None``: it needs a tenant."""
    return None if name in COMMANDS else FOR_ALL.get(name, unknown)
