"""How connections to receivers are made: every address judged and counted as it is dialled."""

import functools
import socket
import ssl
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from infra.http.destinations import place_of_request
from infra.http.dial_watch import WatchedContext, note_dial
from infra.http.special_addresses import plain_address

AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
Dial = Callable[[AddressInfo], socket.socket]
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)


class GuardedConnector(aiohttp.TCPConnector):
    """Dials what a policy permits, and no more of it than a ``Place`` allows.

    Args:
        names: Looks names up; closed with the connector.
        permit: Raises ``OSError`` for an address that must not be dialled.
        limit: Connections in use at once, over all hosts.
        tls: How receivers are verified.
        receive_buffer: Bytes of an answer that the system takes in ahead; ``None``: as many as
            it sees fit.
    """

    def __init__(
        self,
        names: AbstractResolver,
        *,
        permit: Callable[[str], None],
        limit: int,
        tls: ssl.SSLContext,
        receive_buffer: int | None = None,
    ) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - its socket_factory has a tuple of unknowns
            limit=limit,
            resolver=names,
            # Names has a memory of its own, which the counting of places shares.
            use_dns_cache=False,
            socket_factory=functools.partial(_dial, permit, receive_buffer),
            ssl=tls,
        )
        self._looks_up = names

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp calls it so
    ) -> Connection:
        """Return a connection to a place where this request may go.

        Raises:
            NoPlaceError: As many requests as may be are under way there.
        """
        connection = await super().connect(req, traces, timeout)
        place = place_of_request()
        peer = getattr(connection.protocol, "peer", None)
        if place is not None and peer is not None:
            try:
                place.connected(plain_address(peer))
            except BaseException:
                connection.close()
                raise
        return connection

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections, and end all look-ups."""
        await super().close(abort_ssl=abort_ssl)
        await self._looks_up.close()


def _dial(
    permit: Callable[[str], None], receive_buffer: int | None, info: AddressInfo
) -> socket.socket:
    family, kind, protocol, _, where = info
    # Not str(…): what a resolver vouches for is a string of a class of its own.
    address = where[0] if isinstance(where[0], str) and family in _FAMILIES else ""
    permit(address)
    place = place_of_request()
    if place is not None:
        place.dial(plain_address(address))
    note_dial(address)
    dialling = socket.socket(family, kind, protocol)
    if receive_buffer is not None:
        dialling.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    return dialling


def client_context() -> ssl.SSLContext:
    """Return a new context: TLS 1.2 or newer, a trusted chain, the URL's host.

    Trusted are the system's certificates, or those that OpenSSL's own ``SSL_CERT_FILE`` names.
    A client certificate may be loaded into it.
    """
    context = WatchedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_default_certs()
    return context


@functools.cache
def verifying() -> ssl.SSLContext:
    """Return the context for receivers that want no client certificate; do not change it."""
    return client_context()
