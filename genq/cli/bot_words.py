"""What platforms' words look like to a person, and what a typed line means. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from genq.cli.bot_platform import Button, Message

KEYS: Final = (
    "1 to 9, u2, v3, r (again), c (cancel), a (appeal); /help asks the bot, /quit ends"
)
_WORDS: Final = {"r": "🔄", "c": "Cancel", "a": "Appeal"}
_PRESS: Final = re.compile(r"[0-9]{1,2}|[uv][1-4]|[rca]")
_QUIT: Final = frozenset({"/quit", "/exit", "/q", "quit", "exit"})
_YOU: Final = "@you"

_MARKED: Final = re.compile(r"\\(.)|(\*\*|__)|<@[^>]{1,40}>|<t:([0-9]{1,12})(?::[a-zA-Z])?>")
_SLACK: Final = re.compile(
    r"<@[^>]{1,40}>|<!date\^([0-9]{1,12})\^[^>]{0,200}>|<(https?://[^>|]{1,2000})(?:\|[^>]*)?>"
)
_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_PERCENT: Final = re.compile(r"\(([0-9]{1,3})%\)|, ([0-9]{1,3}) %")
_UNSEEN: Final = re.compile("[\u2060\u200b]")


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that was typed.

    Attributes:
        text: Said to the bot, or the key of a button.
        press: It is one.
        waits: Nothing more is typed before it is done; ``… &`` says otherwise.
    """

    text: str
    press: bool = False
    waits: bool = True


def read_line(line: str) -> Typed | None:
    """Return what a line means; ``None``: that is all.

    Raises:
        ValueError: Nothing; the message says what would be something.
    """
    text = line.strip()
    waits = not text.endswith(" &")
    text = text if waits else text[:-1].strip()
    if text.lower() in _QUIT:
        return None
    if _PRESS.fullmatch(text.lower()):
        return Typed(text.lower(), press=True, waits=waits)
    if text.startswith("/") and len(text) > 1:
        return Typed(text, waits=waits)
    raise ValueError(f"begin with a command such as /imagine, or press a button: {KEYS}")


def button_of(messages: Sequence[Message], key: str) -> tuple[Message, Button]:
    """Return the button that a key means, under the newest message that has it.

    Args:
        messages: The oldest first.
        key: A number counts the buttons of the newest message that has any.

    Raises:
        LookupError: There is none; the message says which there are.
    """
    shown = [one for one in reversed(messages) if keys_of(one) and not one.deleted]
    if not shown:
        raise LookupError("there is no button yet: /imagine a red kite")
    for message in shown[:1] if key.isdigit() else shown:
        for number, button in enumerate(_pressable(message), 1):
            if key in {str(number), _key(button)}:
                return message, button
    told = ", ".join(f"{number} {label}" for number, label in keys_of(shown[0]))
    raise LookupError(f"no button {key}: there are {told}")


def keys_of(message: Message) -> list[tuple[str, str]]:
    """Return the keys and the labels of the buttons that can be pressed, in order."""
    return [(str(number), one.label) for number, one in enumerate(_pressable(message), 1)]


def links_of(message: Message) -> list[tuple[str, str]]:
    """Return the labels and the addresses of buttons that open a page, unless it says them."""
    return [
        (one.label, one.url)
        for one in message.buttons
        if one.url is not None and one.url not in message.text
    ]


def in_words(platform: str, text: str, moment: Callable[[int], str]) -> str:
    """Return a message's text without the platform's markup.

    Args:
        platform: Whose.
        text: As the bot wrote it.
        moment: Says when that is (seconds since 1970).
    """
    if platform == "discord":
        text = _MARKED.sub(lambda found: _plain(found, moment), text)
    elif platform == "slack":
        text = _SLACK.sub(lambda found: _unlinked(found, moment), text)
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    return _UNSEEN.sub("", text)


def percent_of(text: str) -> int | None:
    """Return how far a message says that it is, if it does; prompts are before that."""
    found = _PERCENT.findall(text)
    return min(100, int("".join(found[-1]))) if found else None


def _pressable(message: Message) -> list[Button]:
    return [one for one in message.buttons if one.id is not None and not one.disabled]


def _key(button: Button) -> str:
    for key, label in _WORDS.items():
        if button.label.startswith(label):
            return key
    # One that was pressed may carry a mark.
    return button.label[:2].lower()


def _plain(found: re.Match[str], moment: Callable[[int], str]) -> str:
    if found[1] is not None:
        return found[1]
    if found[3] is not None:
        return moment(int(found[3]))
    return "" if found[2] else _YOU


def _unlinked(found: re.Match[str], moment: Callable[[int], str]) -> str:
    if found[1] is not None:
        return moment(int(found[1]))
    return found[2] or _YOU
