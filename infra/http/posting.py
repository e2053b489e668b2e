"""POSTs over a session's connections, for a fraction of what the session spends on each.

A session makes ready for redirects, cookies, proxies, traces, uploads and retries, and sends
the body from a task of its own. Here are only its connector, which permits and counts what is
dialled, and its parser.
"""

import asyncio
import ssl
from collections.abc import Mapping
from itertools import chain
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from infra.http.dial_watch import note_sent
from infra.http.odd_answers import HeadFirst, read_head


class Target:
    """Where to post: what of a URL is the same for every request to it.

    Attributes:
        url: As it was given.
    """

    __slots__ = ("_request", "_start", "url")

    def __init__(self, url: str) -> None:
        """Parse ``url``, which is absolute and holds no user.

        Raises:
            ValueError: It is no URL.
        """
        parsed = URL(url)
        self.url = url
        self._start: Final = (
            f"POST {parsed.raw_path_qs} HTTP/1.1\r\n"
            f"Host: {parsed.host_port_subcomponent}\r\nAccept: */*\r\n"
        )
        self._request: Final = _request(parsed, None)

    def head(self, headers: Mapping[str, str], length: int) -> bytes:
        """Return the head of a request whose body is ``length`` bytes long.

        Raises:
            ValueError: A header would end its line. The text does not repeat it.
        """
        if not "".join(chain(headers, headers.values())).isprintable():
            raise ValueError("a header holds a character that no header may hold")
        fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        return f"{self._start}Content-Length: {length}\r\n{fields}\r\n".encode()

    def request(self, tls: ssl.SSLContext | None) -> aiohttp.ClientRequest:
        """Return what tells a connector where to connect to, and how."""
        return self._request if tls is None else _request(self._request.url, tls)


class Reply:
    """The head of an answer; its body comes after it.

    Attributes:
        status: Whatever number was sent.
        headers: All, repeated ones too.
        content: The body, as it arrives.
    """

    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(
        self,
        connection: Connection,
        status: int,
        headers: Mapping[str, str],
        content: aiohttp.StreamReader,
    ) -> None:
        self._connection: Final = connection
        self.status: Final = status
        self.headers: Final = headers
        self.content: Final = content

    def close(self) -> None:
        """Give the connection back if everything was sent and read; else cut it off."""
        transport = self._connection.transport
        if (
            transport is not None
            and self.content.at_eof()
            and transport.get_write_buffer_size() == 0
        ):
            self._connection.release()
        else:
            _cut_off(self._connection)


async def post(
    session: aiohttp.ClientSession,
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    *,
    timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's word for it
    buffer: int,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """POST, and return the answer's head; close it.

    No redirect is followed, nothing is tried again, and no time is limited but the making of a
    connection.

    Args:
        session: Of ``plain_session``, without a proxy.
        target: Where to.
        headers: All but ``Host``, ``Accept`` and ``Content-Length``.
        body: Is sent as it is.
        timeout: ``connect`` and ``sock_connect`` count.
        buffer: Bytes of the answer's body that are read ahead, about.
        tls: ``None``: as everybody is greeted.

    Raises:
        aiohttp.ClientError, OSError: There was no answer.
        ValueError: A header cannot be sent.
    """
    head = target.head(headers, len(body))
    request = target.request(tls)
    connection = await _connect(session, request, timeout)
    try:
        protocol = _send(connection, head, body, buffer)
        message, content = await read_head(protocol)
    except HttpProcessingError as error:
        _cut_off(connection)
        raise aiohttp.ClientResponseError(
            request.request_info, (), status=error.code, message=error.message
        ) from error
    except BaseException:
        _cut_off(connection)
        raise
    return Reply(connection, message.code, message.headers, content)


def _request(url: URL, tls: ssl.SSLContext | None) -> aiohttp.ClientRequest:
    loop = asyncio.get_running_loop()
    return aiohttp.ClientRequest("POST", url, loop=loop, ssl=True if tls is None else tls)


async def _connect(
    session: aiohttp.ClientSession,
    request: aiohttp.ClientRequest,
    timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's word for it
) -> Connection:
    connector = session.connector
    if connector is None:
        raise RuntimeError("the session is closed")
    try:
        return await connector.connect(request, [], timeout)
    except TimeoutError as error:
        raise aiohttp.ConnectionTimeoutError("no connection was made in time") from error


def _send(connection: Connection, head: bytes, body: bytes, buffer: int) -> ResponseHandler:
    protocol = connection.protocol
    if not isinstance(protocol, HeadFirst):
        raise TypeError("the session is none of plain_session")
    note_sent(protocol.peer)
    protocol.set_response_params(
        read_until_eof=True, auto_decompress=False, read_bufsize=buffer
    )
    if protocol.transport is not None:
        # If it was closed just now, reading says so.
        protocol.transport.write(head + body)
    return protocol


def _cut_off(connection: Connection) -> None:
    transport = connection.transport
    connection.close()
    if transport is not None:
        # Who does not take in what was sent would hold it, and the socket, for ever.
        transport.abort()
