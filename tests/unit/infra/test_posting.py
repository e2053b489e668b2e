"""What ``infra.http.posting`` writes, and which connections are used again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

import aiohttp
import pytest

from infra.http.opening import open_outbound
from infra.http.outbound import OutboundPolicy
from infra.http.posting import Reply, Target, post
from tests.fixtures.until import until

TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
SHORT: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CUT: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
LATE: Final = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + TAKEN
)
BUFFER: Final = 16 * 1024
LARGE: Final = bytes(8 << 20)


@dataclass
class Server:
    """Answers each head with the same bytes; a body may be left where it is."""

    answer: bytes
    reads_bodies: bool = True
    heads: list[bytes] = field(default_factory=list[bytes])
    bodies: list[bytes] = field(default_factory=list[bytes])
    connections: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                if self.reads_bodies:
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
                    self.bodies.append(await reader.readexactly(length))
                writer.write(self.answer)
                if not self.reads_bodies:
                    return


@contextlib.asynccontextmanager
async def serving(
    answer: bytes, *, reads_bodies: bool = True
) -> AsyncGenerator[tuple[Server, aiohttp.ClientSession]]:
    """Run a server, and a session that may call it."""
    server = Server(answer, reads_bodies)
    policy = OutboundPolicy([ip_network("127.0.0.0/8")])
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        async with open_outbound(policy) as outbound:
            yield server, outbound.session
    finally:
        listening.close()
        for writer in server.connections:
            writer.transport.abort()
        # So that all of them are gone with the loop.
        await asyncio.sleep(0)


async def send(
    session: aiohttp.ClientSession, url: str, body: bytes = b"{}", **headers: str
) -> Reply:
    timeout = aiohttp.ClientTimeout(total=None, connect=5)
    async with asyncio.timeout(10):
        return await post(session, Target(url), headers, body, timeout=timeout, buffer=BUFFER)


def test_a_post_has_its_path_host_length_headers_and_body() -> None:
    async def play() -> None:
        async with serving(TAKEN) as (server, session):
            reply = await send(session, f"{server.url}/a b/ü?q=1#there", b"body", one="1")
            reply.close()
            assert reply.status == 204
            host = server.url.removeprefix("http://").encode()
            assert server.heads == [
                b"POST /a%20b/%C3%BC?q=1 HTTP/1.1\r\nHost: " + host + b"\r\nAccept: */*\r\n"
                b"Content-Length: 4\r\none: 1\r\n\r\n"
            ]
            assert server.bodies == [b"body"]

    asyncio.run(play())


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb", "a\0b"])
def test_a_header_that_would_end_its_line_is_not_sent(value: str) -> None:
    async def play() -> None:
        async with serving(TAKEN) as (server, session):
            with pytest.raises(ValueError, match="no header may hold"):
                await send(session, server.url, one=value)
            assert not server.connections

    asyncio.run(play())


@pytest.mark.parametrize(
    ("answer", "connections"), [(TAKEN, 1), (SHORT, 1), (LATE, 1), (CUT, 2)]
)
def test_a_connection_is_used_again_after_a_whole_answer_alone(
    answer: bytes, connections: int
) -> None:
    async def play() -> None:
        async with serving(answer) as (server, session):
            for _ in range(2):
                reply = await send(session, server.url)
                assert reply.status in {200, 204}
                reply.content.read_nowait()
                reply.close()
            await until(lambda: len(server.bodies) == 2, "two requests")
            assert len(server.connections) == connections

    asyncio.run(play())


def test_a_connection_whose_answer_nobody_read_is_not_used_again() -> None:
    async def play() -> None:
        async with serving(SHORT) as (server, session):
            (await send(session, server.url)).close()
            (await send(session, server.url)).close()
            assert len(server.connections) == 2

    asyncio.run(play())


def test_a_connection_whose_request_was_not_taken_in_whole_is_not_used_again() -> None:
    async def play() -> None:
        async with serving(TAKEN, reads_bodies=False) as (server, session):
            (await send(session, server.url, LARGE)).close()
            (await send(session, server.url, LARGE)).close()
            assert len(server.connections) == 2

    asyncio.run(play())
