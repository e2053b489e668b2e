"""A small local receiver that verifies webhooks, for `genq webhook listen` and `genq demo`."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self, cast

from genq.errors import ConfigurationError
from genq.webhook import WebhookInvalidError, verify_webhook

_LARGEST_BODY_BYTES: Final = 1 << 20
_SOCKET_SECONDS: Final = 10
_NOTHING: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True)
class Received:
    """One request to the receiver.

    Attributes:
        event: The verified event; empty if it was not verified.
        reason: Why it was not verified; empty if it was.
        at: When, on the monotonic clock, in seconds.
        again: Whether this event had come before.
    """

    event: Mapping[str, object]
    reason: str
    at: float
    again: bool = False

    @property
    def verified(self) -> bool:
        """Whether the signature was genq's and fresh."""
        return not self.reason

    def text(self, name: str) -> str:
        """Return a text field of the event, or an empty text."""
        value = self.event.get(name)
        return value if isinstance(value, str) else ""

    def job(self) -> Mapping[str, object]:
        """Return the job that the event is about, or an empty mapping."""
        value = self.event.get("data")
        return cast("Mapping[str, object]", value) if isinstance(value, dict) else _NOTHING


@dataclass(eq=False)
class Receiver:
    """Listens while it is entered; ``on_receipt`` is called in turn, from other threads.

    Attributes:
        secret: ``whsec_…``.
        on_receipt: Hears of every request, verified or not, before the sender does.
        host: The address to listen on.
        port: 0 takes a free one; the real one once entered.
    """

    secret: str
    on_receipt: Callable[[Received], None]
    host: str = "127.0.0.1"
    port: int = 0
    _seen: set[str] = field(default_factory=set[str])
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where webhooks are to be sent."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    def __enter__(self) -> Self:
        """Start listening.

        Raises:
            ConfigurationError: The port is taken, or the address is not this machine's.
        """
        try:
            self._server = ThreadingHTTPServer((self.host, self.port), self._route())
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {self.host}:{self.port}: {error.strerror}; "
                "choose another --port"
            ) from None
        self._server.daemon_threads = True
        self.port = self._server.server_port
        # The poll interval is how long leaving takes.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def take(self, body: bytes, headers: Mapping[str, str]) -> HTTPStatus:
        """Verify one webhook, pass it on, and return the status to answer with."""
        at = time.monotonic()
        try:
            event = verify_webhook(body, headers, self.secret)
            reason = ""
        except WebhookInvalidError as error:
            event, reason = _NOTHING, error.message
        with self._turn:
            event_id = str(event.get("id", ""))
            self.on_receipt(Received(event, reason, at, again=event_id in self._seen))
            if not reason:
                self._seen.add(event_id)
        return HTTPStatus.BAD_REQUEST if reason else HTTPStatus.NO_CONTENT

    def _route(self) -> type[BaseHTTPRequestHandler]:
        take = self.take

        class Route(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _SOCKET_SECONDS

            def do_POST(self) -> None:
                length = self.headers.get("content-length", "")
                if not length.isdecimal() or int(length) > _LARGEST_BODY_BYTES:
                    self.close_connection = True
                    self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                    return
                body = self.rfile.read(int(length))
                self._answer(take(body, dict(self.headers.items())))

            def do_GET(self) -> None:
                self._answer(HTTPStatus.METHOD_NOT_ALLOWED)

            def _answer(self, status: HTTPStatus) -> None:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                """Stay silent: receipts are printed, requests are not."""

        return Route
