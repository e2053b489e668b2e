"""When a request was dialled, connected, secured and sent, and to which address.

aiohttp's own traces cost several awaited signals per request and tell neither the address nor
the handshake. Here a request on a connection that is open already costs one look at a context
variable; a new connection costs two more.
"""

import ssl
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any, Final, Self

import aiohttp
from aiohttp.connector import Connection


class DialWatch:
    """What happens to the requests that are made within it, a context manager: to the last.

    Args:
        clock: Returns seconds.

    Attributes:
        clock: As it was handed in; all times are its own.
        began: When the request was begun.
        dialled_at: The first address was permitted, and dialled.
        secured_at: The TCP connection is there, the TLS handshake begins.
        sent_at: There is a connection; the request is written to it.
        address: The peer, or the address that was dialled last.
    """

    __slots__ = ("_token", "address", "began", "clock", "dialled_at", "secured_at", "sent_at")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._token: Token[DialWatch | None] | None = None
        self.begin()

    def __enter__(self) -> Self:
        self._token = _WATCH.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _WATCH.reset(self._token)

    def begin(self) -> None:
        """Forget everything: another request begins."""
        self.began = self.clock()
        self.dialled_at: float | None = None
        self.secured_at: float | None = None
        self.sent_at: float | None = None
        self.address: str | None = None

    @property
    def reused(self) -> bool:
        """Whether the request went over a connection that was open already."""
        return self.sent_at is not None and self.dialled_at is None

    @property
    def dns_ms(self) -> int | None:
        """Until an address was dialled; ``None`` on a connection that was open already."""
        return _milliseconds(self.began, self.dialled_at)

    @property
    def connect_ms(self) -> int | None:
        """From there until there was a TCP connection."""
        connected_at = self.sent_at if self.secured_at is None else self.secured_at
        return _milliseconds(self.dialled_at, connected_at)

    @property
    def tls_ms(self) -> int | None:
        """The handshake."""
        return _milliseconds(self.secured_at, self.sent_at)

    def until(self, moment: float) -> int | None:
        """Return the milliseconds from the beginning to ``moment``."""
        return _milliseconds(self.began, moment)


_WATCH: Final[ContextVar[DialWatch | None]] = ContextVar("dial_watch", default=None)


def note_dial(address: str) -> None:
    """Tell the watch, if there is one, that ``address`` is dialled now."""
    watch = _WATCH.get()
    if watch is not None:
        watch.address = address
        if watch.dialled_at is None:
            watch.dialled_at = watch.clock()


def note_sent(peer: str | None) -> None:
    """Tell the watch, if there is one, that there is a connection, to ``peer``."""
    watch = _WATCH.get()
    if watch is not None:
        watch.sent_at = watch.clock()
        watch.address = peer or watch.address


def handshake_began() -> bool:
    """Return whether the request under way got as far as a TLS handshake, if it is watched."""
    watch = _WATCH.get()
    return watch is not None and watch.secured_at is not None


class WatchedRequest(aiohttp.ClientRequest):
    """Tells the watch when it is sent, and to whom."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send the request over ``conn``."""
        peer = conn.transport.get_extra_info("peername") if conn.transport else None
        note_sent(str(peer[0]) if peer else None)
        return await super().send(conn)


class WatchedContext(ssl.SSLContext):
    """Tells the watch when a handshake begins."""

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a handshake on a connection that was just made."""
        watch = _WATCH.get()
        if watch is not None:
            watch.secured_at = watch.clock()
        return super().wrap_bio(*args, **options)


def _milliseconds(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else round((end - start) * 1000)
