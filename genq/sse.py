"""Takes a stream of server-sent events apart (WHATWG HTML, section 9.2), without any I/O."""

import codecs
from dataclasses import dataclass
from typing import Final

from genq.errors import UnexpectedAnswerError

# No event of genq comes near; whoever sends more is not genq.
MAX_EVENT_CHARACTERS: Final = 8_000_000


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event of a stream; ``id`` is the latest that was set, and may be empty."""

    type: str
    data: str
    id: str


class EventParser:
    """Makes events of bytes, however they are cut.

    Attributes:
        retry: Seconds that the server wants to pass before the client comes back.
        last_id: Where to go on after a break.
    """

    def __init__(self, last_id: str = "") -> None:
        self.retry: float | None = None
        self.last_id = last_id
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._type = ""
        self._data: list[str] = []
        self._id = last_id
        self._begun = False

    def feed(self, content: bytes) -> list[SentEvent]:
        """Return the events that ``content`` completes.

        Raises:
            UnexpectedAnswerError: An event has no end.
        """
        text = self._rest + self._decoder.decode(content)
        if not self._begun and text:
            text = text.removeprefix("\ufeff")
            self._begun = True
        # A final \r may be the first half of \r\n.
        held = "\r" if text.endswith("\r") else ""
        lines = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop() + held
        found = [event for line in lines if (event := self._take(line))]
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT_CHARACTERS:
            raise UnexpectedAnswerError("an event of the stream has no end")
        return found

    def _take(self, line: str) -> SentEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry = int(value) / 1000
        return None

    def _dispatch(self) -> SentEvent | None:
        # An id counts once its event is complete: a break in between must bring it again.
        self.last_id = self._id
        kind, data = self._type or "message", self._data
        self._type, self._data = "", []
        return SentEvent(kind, "\n".join(data), self._id) if data else None
