"""Listens to a stream of events, and comes back after a break where it left off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from genq.calls import Call, Exchange, More, Query, good
from genq.errors import (
    ApiError,
    RateLimitedError,
    ServerUnreachableError,
    UnavailableError,
    UnexpectedAnswerError,
)
from genq.retries import LONGEST_RETRY_AFTER, pause_before
from genq.sse import EventParser, SentEvent

STREAM: Final = "text/event-stream"
# Seconds until a stream begins, and between two signs of life of it. The server sends a comment
# more often than that when it has nothing to say.
OPENING: Final = 10.0
SILENCE: Final = 40.0
# So many times in a row a stream may break at once before that is an error.
BREAKS: Final = 8
# A stream that lived so long, in seconds, was none that broke at once.
LIVED: Final = 5.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where a stream comes from; ``is_last`` tells its final event, if it has one."""

    path: str
    query: Query
    is_last: Callable[[SentEvent], bool] = lambda _: False


class Listener:
    """One stream, over as many connections as it takes.

    Attributes:
        connected: Whether there is a connection to hear from.
        ended: Whether its last event was heard.
        breaks: How often in a row it broke at once.
    """

    def __init__(self, source: Source, last_event_id: str | None = None) -> None:
        self.connected = False
        self.ended = False
        self._source = source
        self._parser = EventParser(last_event_id or "")
        self._lived = 0.0
        self._asked = 0.0
        self.breaks = 0

    @property
    def pause(self) -> float:
        """Seconds to let pass before it connects again."""
        if not self.breaks:
            return 0.0
        return max(self._parser.retry or 0.0, self._asked, pause_before(self.breaks))

    def connect(self, opening: float = OPENING, after: float = 0.0) -> Exchange[None]:
        """Open the stream after the event that was heard last.

        Args:
            opening: Seconds until it must have begun.
            after: Seconds to pause first.

        Raises:
            ApiError: The server refuses.
            UnexpectedAnswerError: What answers sends no events.
            ServerUnreachableError: No connection, or nothing came in time.
        """
        headers = {"accept": STREAM, "cache-control": "no-store"}
        if self._parser.last_id:
            headers["last-event-id"] = self._parser.last_id
        self._parser = EventParser(self._parser.last_id)
        self._lived = 0.0
        call = Call(
            "GET",
            self._source.path,
            query=self._source.query,
            headers=headers,
            after=after,
            listen=opening,
        )
        try:
            answer = good((yield call))
        except (ServerUnreachableError, UnavailableError, RateLimitedError) as error:
            self._broke()
            self._asked = error.retry_after or 0.0 if isinstance(error, ApiError) else 0.0
            raise
        self._asked = 0.0
        if answer.status == HTTPStatus.NO_CONTENT:
            # Its last event was heard before.
            self.ended = True
            return
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if answer.status != HTTPStatus.OK or kind != STREAM:
            raise UnexpectedAnswerError(f"expected a stream of events, not {kind or 'nothing'}")
        self.connected = True

    def hear(self, patience: float) -> Exchange[Sequence[SentEvent] | None]:
        """Return what came next: no events for a sign of life, ``None`` for the end.

        Raises:
            ServerUnreachableError: The connection broke, or nothing came for ``patience``
                seconds.
        """
        try:
            answer = yield More(patience)
        except ServerUnreachableError:
            self._broke()
            raise
        self._lived += answer.seconds
        if not answer.body:
            self._broke()
            return None
        found = self._parser.feed(answer.body)
        if found:
            self.breaks = 0
        for number, event in enumerate(found, 1):
            if self._source.is_last(event):
                self.ended = True
                return found[:number]
        return found

    def follow(self) -> Exchange[Sequence[SentEvent] | None]:
        """Return the next events, through every break; ``None`` after the last of all.

        Raises:
            ServerUnreachableError: It broke too often without a word.
            ApiError: The server refuses.
        """
        while not self.ended:
            try:
                if not self.connected:
                    yield from self.connect(after=self.pause)
                found = None if self.ended else (yield from self.hear(SILENCE))
            except (ServerUnreachableError, UnavailableError, RateLimitedError):
                if self.breaks >= BREAKS or self._asked > LONGEST_RETRY_AFTER:
                    raise
                continue
            if found:
                return found
            if found is None and not self.ended and self.breaks >= BREAKS:
                raise UnexpectedAnswerError("the stream of events ends again and again")
        return None

    def _broke(self) -> None:
        self.connected = False
        self.breaks = 1 if self._lived >= LIVED else self.breaks + 1
