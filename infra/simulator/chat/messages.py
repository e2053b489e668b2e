"""Messages as people see them, the same for all platforms, and what changes in them."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Picture:
    """A file under a message, or one that a person sends."""

    id: str
    name: str
    media_type: str
    data: bytes = field(repr=False)
    alt: str = ""


@dataclass(frozen=True, slots=True)
class PlayedButton:
    """A button under a message; ``id`` is ``None`` for one that leads to ``url``."""

    label: str
    id: str | None
    row: int = 0
    style: str = ""
    disabled: bool = False
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How a message looked from ``at`` (the clock's seconds) on.

    Attributes:
        raw: In the platform's own words.
    """

    at: float
    text: str
    pictures: tuple[Picture, ...] = ()
    buttons: tuple[PlayedButton, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(slots=True)
class Message:
    """One message.

    Attributes:
        author: The id of who wrote it; ``bot`` for the bot.
        private_to: Nobody else sees it.
        pending: It says that somebody is thinking, and has no form of its own yet.
        forms: The first, and one for each edit.
        pings: Whom its first form, or a later one, calls by name.
    """

    id: str
    channel: str
    author: str
    forms: list[Form]
    private_to: str | None = None
    pending: bool = False
    deleted: bool = False
    reply_to: str | None = None
    pings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What it says now."""
        return self.forms[-1].text

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """What stands under it now."""
        return self.forms[-1].pictures

    @property
    def buttons(self) -> tuple[PlayedButton, ...]:
        """What can be pressed now."""
        return self.forms[-1].buttons

    @property
    def labels(self) -> list[str]:
        """The words on its buttons."""
        return [button.label for button in self.buttons]

    @property
    def raw(self) -> dict[str, Any]:
        """Its last form in the platform's own words."""
        return self.forms[-1].raw

    @property
    def edits(self) -> int:
        """How often it was edited."""
        return len(self.forms) - 1

    def call(self, names: Iterable[str]) -> None:
        """Write down whom it calls besides."""
        self.pings = tuple(dict.fromkeys((*self.pings, *names)))

    def button(self, label: str) -> PlayedButton:
        """Return the button with this label."""
        for button in self.buttons:
            if button.label == label:
                return button
        raise LookupError(f"no button {label!r}: there are {self.labels}")


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to a message; ``number`` counts from 1."""

    number: int
    message: Message


class Board:
    """All messages of a platform, and their changes in order."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str], Message] = {}
        self.changes: list[Change] = []
        self._news = asyncio.Event()

    def find(self, channel: str, message_id: str) -> Message | None:
        """Return a message that is there, and not deleted."""
        found = self.messages.get((channel, message_id))
        return None if found is None or found.deleted else found

    def post(self, message: Message) -> Message:
        """Put a new message up."""
        self.messages[message.channel, message.id] = message
        self.touch(message)
        return message

    def edit(self, message: Message, form: Form) -> Message:
        """Give a message another form."""
        if message.pending:
            message.forms = [form]
        else:
            message.forms.append(form)
        message.pending = False
        self.touch(message)
        return message

    def delete(self, message: Message) -> None:
        """Take a message away."""
        message.deleted = True
        self.touch(message)

    def touch(self, message: Message) -> None:
        """Tell those who wait that something changed."""
        self.changes.append(Change(len(self.changes) + 1, message))
        self.wake()

    def wake(self) -> None:
        """Let those who wait look again."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def of_bot(self, channel: str | None = None) -> list[Message]:
        """Return the bot's messages that are there, the oldest first."""
        return [
            message
            for message in self.messages.values()
            if message.author == "bot"
            and not message.deleted
            and channel in {None, message.channel}
        ]

    async def wait(self, find: Callable[[], Found | None], what: str, seconds: float) -> Found:
        """Return what ``find`` finds, as soon as it finds something true.

        Raises:
            TimeoutError: It found nothing in that time.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    news = self._news
                    found = find()
                    if found:
                        return found
                    await news.wait()
        except TimeoutError:
            raise TimeoutError(f"after {seconds} s: {what}") from None
