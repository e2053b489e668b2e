"""The one interface of a chat platform. Discord, Slack and Telegram are its three adapters.

``verify``, ``parse``, ``answer`` and all rendering are pure; ``send`` and ``tell`` make calls
through a ``ChatHttp`` that is handed in. Nothing here keeps state: it is in the ``MessageRef``
that goes in and comes out, and in PostgreSQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from schemas.chat import MessageRef, Platform
from schemas.chat_inbound import Command, Inbound, Press
from schemas.chat_view import ChatAnswer, ChatLimits, Notice, Reply, View


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a multipart body, or a raw body to be uploaded.

    Attributes:
        part: The name of its part.
    """

    part: str
    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One HTTP request to a platform.

    Attributes:
        bucket: What it is called in metrics and logs: a path without ids and tokens.
        url: May hold a secret: never logged.
        body: Sent as JSON; with ``files``, as the part ``payload_json``.
        form: Sent as a form; with ``files``, as the plain parts.
        raw: Sent as it is, instead of all others.
        most: Bytes of the answer's body that are taken.
    """

    method: str
    url: str = field(repr=False)
    bucket: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    files: tuple[FilePart, ...] = ()
    raw: FilePart | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS, repr=False)
    most: int = 1_048_576


@dataclass(frozen=True, slots=True)
class ChatHttpAnswer:
    """What a platform answered: names of headers in lower case, at most ``most`` of body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class ChatHttp(Protocol):
    """The way out."""

    async def send(self, call: ChatCall) -> ChatHttpAnswer:
        """Make one request; no redirect is followed, nothing is tried again.

        Raises:
            ChatUnreachableError: There is no whole answer: whether it arrived is unknown.
        """
        ...


class Fate(StrEnum):
    """What came of one step of sending a view."""

    TAKEN = "taken"
    NEXT = "next"
    """One step is done (a first message is there; another rung is next): send again at once."""
    LIMITED = "limited"
    """429: the pause is over before anything more is sent in this lane (or by this bot)."""
    AGAIN = "again"
    """Try later: 5xx, no answer, or a platform that has not seen our first answer yet."""
    GONE = "gone"
    """The message was deleted by a user: nothing more is sent for it, the job goes on."""
    LEFT = "left"
    """The bot was removed from the place, or blocked: the binding is paused."""
    STOPPED = "stopped"
    """The bot's token is wrong: nothing more is sent by this bot."""
    HOPELESS = "hopeless"
    """No way is left, or the platform refuses what we send: it is given up, and told."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of one step.

    Attributes:
        ref: From now on; written down before the next step.
        pause: Seconds that the lane must rest (rate limits, also after a success); for
            ``AGAIN``, the seconds until the next try; 0: as the schedule says.
        of_bot: The pause is one of the whole bot.
        invalid: It counts as an invalid request (Discord bans an address for 10,000 of them).
        status: HTTP's, if there was one.
        detail: For a person: what the platform said; never content or a token.
    """

    fate: Fate
    ref: MessageRef
    pause: float = 0.0
    of_bot: bool = False
    invalid: bool = False
    status: int | None = None
    detail: str | None = None


class ChatAdapter(Protocol):
    """One platform."""

    @property
    def platform(self) -> Platform:
        """Which one."""
        ...

    @property
    def limits(self) -> ChatLimits:
        """What it allows."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Let nothing pass that the platform did not sign.

        Args:
            headers: Names in lower case.
            body: As it came.
            now: Aware.

        Raises:
            ChatUnauthorizedError: It is not signed, or too old. Nothing else, whatever came.
        """
        ...

    def parse(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Inbound:
        """Return what was asked; of a verified request alone.

        Raises:
            ChatUnreadableError: It is not what the platform documents.
        """
        ...

    def answer(self, heard: Inbound, reply: Reply | None) -> ChatAnswer:
        """Return the answer to the platform's own request.

        Args:
            heard: What was asked.
            reply: ``None`` for ``Ping`` and ``Ignored``.
        """
        ...

    def posts(self, ref: MessageRef, view: View) -> bool:
        """Return whether the next step of ``send`` makes a new message."""
        ...

    def digest(self, ref: MessageRef, view: View) -> bytes:
        """Return a digest of what would be shown: equal for what looks the same."""
        ...

    async def send(
        self, ref: MessageRef, view: View, http: ChatHttp, *, now: datetime, nonce: str
    ) -> SendResult:
        """Take one step to have the message show ``view``: make it, or edit it.

        Args:
            ref: Where.
            view: What.
            http: The way out.
            now: Aware; tokens die by it.
            nonce: The same for the same message: where the platform knows such a thing, a new
                message with it is made once, for some minutes.

        Returns:
            What came of it. A platform that cannot be reached is ``AGAIN``: nothing is raised
            but cancellation.
        """
        ...

    async def tell(self, heard: Command | Press, notice: Notice, http: ChatHttp) -> SendResult:
        """Say something to the one who asked, privately where the platform can."""
        ...

    async def finish_deferred(
        self, heard: Command | Press, reply: Reply, http: ChatHttp
    ) -> SendResult:
        """Put what became of a deferred request into the place of the deferred answer."""
        ...


_NO_HEADERS: Mapping[str, str] = {}
