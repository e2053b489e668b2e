"""What Slack knows: channels, people, files, messages, and the addresses for answers."""

import html
import itertools
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.clock import Clock
from infra.simulator.chat.messages import Board, Form, Message, Picture, PlayedButton
from infra.simulator.chat.slack_blocks import block_faults, length_of
from infra.simulator.chat.slack_errors import fault, invalid_blocks
from infra.simulator.chat.wire import listed, nested

TEAM: Final = "T1"
CHANNEL: Final = "C1"
USER: Final = "U1"
APP: Final = "A1"
URL_USES: Final = 5
URL_LIFE: Final = 1800.0
_TEXT: Final = 40_000
# Undocumented; refusals were seen from here on.
_ALL_BLOCKS: Final = 11_340
_PING: Final = re.compile(r"<!(channel|here|everyone)(?:\|[^>]*)?>|<@([UW]\w+)(?:\|[^>]*)?>")


@dataclass(slots=True)
class SlackChannel:
    """A channel, or a direct conversation with ``person``."""

    id: str
    person: str | None = None
    member: bool = True
    archived: bool = False


@dataclass(slots=True)
class SlackFile:
    """A file on its way up: announced, uploaded, complete."""

    id: str
    name: str
    length: int
    secret: str
    alt: str = ""
    data: bytes | None = None
    complete: bool = False


@dataclass(slots=True)
class AnswerUrl:
    """A ``response_url``: five uses in thirty minutes.

    Attributes:
        about: The message that was pressed, or the last that was made here.
    """

    path: str
    channel: str
    person: str
    born: float
    uses: int = 0
    about: Message | None = None


class SlackWorld:
    """The state, and messages put into it."""

    def __init__(self, clock: Clock) -> None:
        self.clock: Final = clock
        self.board: Final = Board()
        self.channels: dict[str, SlackChannel] = {CHANNEL: SlackChannel(CHANNEL)}
        self.files: dict[str, SlackFile] = {}
        self.urls: dict[str, AnswerUrl] = {}
        self.url = ""
        self._numbers: Final = itertools.count(1)
        self._last = 0

    def next_number(self) -> int:
        """Return a number that was not there before."""
        return next(self._numbers)

    def channel(self, channel_id: str) -> SlackChannel:
        """Return a channel, which is there as soon as somebody writes in it."""
        return self.channels.setdefault(channel_id, SlackChannel(channel_id))

    def direct(self, person: str) -> SlackChannel:
        """Return the direct conversation of the bot with a person."""
        return self.channels.setdefault(f"D{person}", SlackChannel(f"D{person}", person))

    def answer_url(self, channel: str, person: str, kind: str) -> AnswerUrl:
        """Return a new ``response_url``."""
        path = f"/slack/hooks/{kind}/{TEAM}/{self.next_number()}/{secrets.token_urlsafe(18)}"
        made = AnswerUrl(path, channel, person, self.clock.monotonic())
        self.urls[path] = made
        return made

    def stamp(self) -> str:
        """Return a ``ts``: later than all before."""
        micros = int(self.clock.now().timestamp() * 1_000_000)
        self._last = max(micros, self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def check(self, told: Mapping[str, Any]) -> None:
        """Refuse words and blocks that Slack would not take.

        Raises:
            RefusedError: Why.
        """
        text = told.get("text")
        if text is not None and not isinstance(text, str):
            raise fault("invalid_arguments", "text is no string")
        if text and "\0" in text:
            raise fault("invalid_arguments", "there is a NUL in the text")
        if len(text or "") > _TEXT:
            raise fault("msg_too_long")
        if length_of(told.get("blocks")) > _ALL_BLOCKS:
            raise fault("msg_blocks_too_long")
        faults = [] if told.get("blocks") is None else list(self._faults(told["blocks"]))
        if faults:
            raise invalid_blocks(*faults)

    def post(
        self, channel: str, told: Mapping[str, Any], *, private_to: str | None = None
    ) -> Message:
        """Put a message of the bot up.

        Raises:
            RefusedError: It is not what Slack takes.
        """
        self.check(told)
        if not told.get("text") and not told.get("blocks"):
            raise fault("no_text")
        message = Message(
            self.stamp(),
            channel,
            "bot",
            [self._form(told)],
            private_to=private_to,
            reply_to=told.get("thread_ts"),
            pings=tuple(_pings(told)),
        )
        return self.board.post(message)

    def edit(self, message: Message, told: Mapping[str, Any]) -> Message:
        """Change what a message's body names; the rest stays.

        Raises:
            RefusedError: It is not what Slack takes.
        """
        self.check(told)
        raw = {**message.raw, **told}
        if not raw.get("text") and not raw.get("blocks"):
            raise fault("no_text")
        message.call(_pings(told))
        return self.board.edit(message, self._form(raw))

    def file_bytes(self, file_id: str) -> bytes | None:
        """Return what is in a file that is complete."""
        found = self.files.get(file_id)
        return found.data if found is not None and found.complete else None

    def _faults(self, blocks: Any) -> Iterator[str]:
        return block_faults(blocks, self.file_bytes)

    def _form(self, told: Mapping[str, Any]) -> Form:
        blocks = listed(told, "blocks")
        shown = {"text": told.get("text") or "", "blocks": blocks}
        return Form(
            self.clock.monotonic(),
            "\n".join(_words(shown)),
            tuple(_pictures(blocks, self.files.get)),
            tuple(_buttons(blocks)),
            shown,
        )


def _words(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what people read: the blocks, or else the text."""
    blocks = listed(told, "blocks")
    if not blocks:
        yield html.unescape(told.get("text") or "")
    for block in blocks:
        texts = [nested(block, "text"), *listed(block, "fields")]
        if block["type"] == "context":
            texts += listed(block, "elements")
        if block["type"] == "image":
            texts.append(nested(block, "title"))
        for one in texts:
            words = one.get("text")
            if isinstance(words, str):
                # Plain texts too: slackapi/bolt-python#513.
                yield html.unescape(words)


def _pictures(blocks: list[Any], find: Callable[[str], SlackFile | None]) -> Iterator[Picture]:
    for block in blocks:
        found = find(str(nested(block, "slack_file").get("id")))
        if block["type"] == "image" and found is not None:
            media_type = f"image/{found.name.rpartition('.')[2]}"
            yield Picture(
                found.id, found.name, media_type, found.data or b"", block["alt_text"]
            )


def _buttons(blocks: list[Any]) -> Iterator[PlayedButton]:
    rows = [block for block in blocks if block["type"] == "actions"]
    for number, block in enumerate(rows):
        for one in block["elements"]:
            url = one.get("url")
            button_id = None if url else one.get("action_id")
            style = one.get("style") or ""
            label = html.unescape(one["text"]["text"])
            yield PlayedButton(label, button_id, number, style, url=url)


def _pings(told: Mapping[str, Any]) -> Iterator[str]:
    texts = [told.get("text") or ""]
    for block in listed(told, "blocks"):
        marked = [nested(block, "text"), *listed(block, "fields"), *listed(block, "elements")]
        texts += [one["text"] for one in marked if one.get("type") == "mrkdwn"]
    for text in texts:
        for everyone, person in _PING.findall(text):
            yield everyone or person
