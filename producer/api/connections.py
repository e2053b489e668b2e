"""One client's connection, held to limits that uvicorn has not.

A head must come soon and stay small, a body must keep coming, an answer must be taken, and
there may be only so many connections. Whoever breaks a rule is told which one, and let go.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from infra.new_ids import new_key
from producer.api.http_errors import (
    HeadTooLargeError,
    RequestTimeoutError,
    TooManyConnectionsError,
)
from producer.api.problems import MEDIA_TYPE, problem_body
from schemas.errors import GenqError, InputError
from schemas.ids import format_id


@dataclass(frozen=True, slots=True)
class Patience:
    """What a client may ask of the server.

    Attributes:
        connections: The most at once.
        head_bytes: The most before a request's body begins: its line and all headers.
        headers: The most of them.
        head_seconds: From the first byte of a request, or the connection itself, to the end of
            its head.
        body_step_seconds: In each such time at least ``body_step_bytes`` of a body must come.
        body_step_bytes: See there.
        unread_bytes: What is taken, and dropped, of a body after its answer.
        stall_seconds: How long a client may take nothing of its answer.
        idle_seconds: How long a connection is kept for the next request; longer than proxies
            keep theirs, so that it is they who close.
        parting_seconds: How long a client that was refused may go on talking, unheard.
    """

    connections: int = 4096
    head_bytes: int = 32 << 10
    headers: int = 100
    head_seconds: float = 20.0
    body_step_seconds: float = 10.0
    body_step_bytes: int = 4 << 10
    unread_bytes: int = 64 << 20
    stall_seconds: float = 60.0
    idle_seconds: int = 75
    parting_seconds: float = 1.0


_DEFAULT: Final = Patience()


class Connection(HttpToolsProtocol):
    """See the module; its class variables are set by ``connection_class``."""

    patience: Patience = _DEFAULT
    public_url: str = ""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._refusal: GenqError | None = None
        self._parting = False
        self._silent = True
        self._asked = False
        self._in_head = True
        self._head_ended = False
        self._raw_bytes = 0
        self._head_bytes = 0
        self._body_bytes = 0

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn does
        """Begin to wait for the first head."""
        super().connection_made(transport)
        if len(self.connections) > self.patience.connections:
            self._refuse(TooManyConnectionsError())
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all timers."""
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the end of a head, then parse it."""
        if self._parting or self.transport.is_closing():
            return
        self._silent = False
        began_in_head, self._head_ended = self._in_head, False
        super().data_received(data)
        # What the parser holds of a header that has not ended is in no callback yet.
        if began_in_head and not self._head_ended:
            self._raw_bytes += len(data)
            if self._raw_bytes > self.patience.head_bytes:
                self._refuse(HeadTooLargeError())
        else:
            self._raw_bytes = 0

    def pause_writing(self) -> None:
        """Begin to wait for a client that takes nothing."""
        super().pause_writing()
        self._stall = self.loop.call_later(self.patience.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It took something."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    # --- one request

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head."""
        super().on_message_begin()
        self._head_bytes = 0
        self._await_head()

    def on_url(self, url: bytes) -> None:
        """Count the address."""
        super().on_url(url)
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        many = len(self.headers) > self.patience.headers
        if many or self._head_bytes > self.patience.head_bytes:
            self._refusal = HeadTooLargeError()
            raise self._refusal

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._in_head = False
        self._head_ended = True
        self._body_bytes = 0
        self._await_body()
        super().on_headers_complete()
        self._asked = True

    def on_body(self, body: bytes) -> None:
        """Count a piece of the body."""
        self._body_bytes += len(body)
        if self.cycle.response_complete and self._body_bytes > self.patience.unread_bytes:
            self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing: the next is the server's turn."""
        self._stop_timer()
        super().on_message_complete()

    # --- what is refused

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser did not understand, or what a callback refused."""
        self._refuse(self._refusal or InputError(msg.rstrip(".").lower()))

    def _await_head(self) -> None:
        self._in_head = True
        self._start_timer(self.patience.head_seconds, self._too_slow)

    def _await_body(self) -> None:
        self._start_timer(self.patience.body_step_seconds, self._look_at_body, self._body_bytes)

    def _look_at_body(self, before: int) -> None:
        came = self._body_bytes - before
        # What is not read because the application is busy is not the client's fault.
        if came < self.patience.body_step_bytes and not self.flow.read_paused:
            self._too_slow()
        else:
            self._await_body()

    def _too_slow(self) -> None:
        self._timer = None
        if self._silent:
            # It has not said a word: there is nothing to answer.
            self.transport.close()
        else:
            self._refuse(RequestTimeoutError())

    def _refuse(self, error: GenqError) -> None:
        """Answer a problem if no other answer has begun, and close."""
        if self._parting or self.transport.is_closing():
            return
        self._stop_timer()
        if self._asked:
            answering = not self.cycle.response_complete
            if self.cycle.response_started and (answering or not self._in_head):
                # Its answer is on the way, or was there before the end of its body.
                self.transport.abort()
                return
            if answering:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        self.transport.write(self._written(error))
        self._part()

    def _part(self) -> None:
        """Close, but hear the client out for a moment: a reset would overtake the answer."""
        self._parting = True
        if self._silent:
            self.transport.close()
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._start_timer(self.patience.parting_seconds, self.transport.close)

    def _written(self, error: GenqError) -> bytes:
        body = problem_body(
            error,
            error_id=format_id("err", new_key()),
            request_id=None,
            public_url=self.public_url,
        )
        content = orjson.dumps(body)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        if body["code"] == TooManyConnectionsError.code:
            headers.append((b"retry-after", b"1"))
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        return b"".join([STATUS_LINE[body["status"]], *lines, b"\r\n", content])

    def _start_timer(self, seconds: float, then: Any, *args: Any) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, then, *args)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def connection_class(patience: Patience, public_url: str) -> type[Connection]:
    """Return the class of one server's connections."""
    return type("Connection", (Connection,), {"patience": patience, "public_url": public_url})
