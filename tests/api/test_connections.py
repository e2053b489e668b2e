"""Clients that are slow, endless or too many are told so and let go; nobody else notices."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from infra.settings import Settings
from producer.api.connections import Patience
from producer.api.server import ApiServer, open_socket
from tests.api.served import Served
from tests.api.served import run as serve

QUICK: Final = Patience(
    connections=3,
    head_bytes=4096,
    headers=20,
    head_seconds=0.3,
    body_step_seconds=0.3,
    body_step_bytes=10,
    unread_bytes=100_000,
    stall_seconds=0.5,
    idle_seconds=1,
    parting_seconds=0.2,
)
HEAD: Final = b"POST /read HTTP/1.1\r\nHost: genq\r\n"
_SOON: Final = 10.0

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Scene = Callable[["Guarded"], Awaitable[None]]


class Guarded:
    """A server with little patience."""

    def __init__(self, host: str, port: int, server: ApiServer) -> None:
        self.host = host
        self.port = port
        self.server = server

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[tuple[Reader, Writer]]:
        """One raw connection."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def told(self, *pieces: bytes, pause: float = 0.0) -> tuple[int, dict[str, Any]]:
        """Send pieces; return the status and the problem before the connection closes."""
        async with self.connected() as (reader, writer):

            async def send() -> None:
                with contextlib.suppress(OSError):
                    for piece in pieces:
                        writer.write(piece)
                        await writer.drain()
                        await asyncio.sleep(pause)  # sleeps: a slow client is what is tested

            sending = asyncio.create_task(send())
            async with asyncio.timeout(_SOON):
                answer = await reader.read()
            await sending
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            return 0, {}
        return int(head.split()[1]), orjson.loads(body)


def application() -> FastAPI:
    """Reads a body, ignores one, or never stops sending."""
    app = FastAPI()
    app.state.public_url = "https://genq.example"

    async def endless(request: Request) -> Response:
        async def chunks() -> AsyncGenerator[bytes]:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)

        return StreamingResponse(chunks())

    async def read(request: Request) -> Response:
        return Response(str(len(await request.body())))

    async def ignore(request: Request) -> Response:
        return Response("no")

    for path, route in (("/endless", endless), ("/read", read), ("/ignore", ignore)):
        app.add_route(path, route, methods=["GET", "POST"])
    return app


def run(scene: Scene) -> None:
    async def play() -> None:
        with contextlib.closing(open_socket("127.0.0.1", 0)) as listening:
            server = ApiServer(application(), Released(), QUICK)  # pyright: ignore[reportArgumentType] - nobody waits here
            running = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                host, port = listening.getsockname()
                await scene(Guarded(host, port, server))
            finally:
                server.should_exit = True
                await running

    asyncio.run(play())


class Released:
    def release(self) -> None:
        """There are no waiters."""


@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        ([b"POST /read HT"], 0.0),
        ([bytes([byte]) for byte in HEAD], 0.1),
        ([HEAD + b"Content-Length: 100\r\n\r\n", b"x"], 0.0),
        ([HEAD + b"Content-Length: 100\r\n\r\n", *[b"x"] * 99], 0.1),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 99], 0.2),
    ],
    ids=["half a head", "a head by bytes", "half a body", "a body by bytes", "tiny chunks"],
)
def test_who_sends_too_slowly_is_408_and_closed(pieces: list[bytes], pause: float) -> None:
    async def scene(api: Guarded) -> None:
        status, problem = await api.told(*pieces, pause=pause)

        assert status == 408
        assert problem["code"] == "request_timeout"
        assert problem["type"] == "https://genq.example/errors#request_timeout"
        assert problem["retryable"] is True

    run(scene)


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD, b"X-Long: ", *[b"y" * 1000] * 8],
        [HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(40)), b"\r\n"],
        [b"GET /read?", b"q" * 5000, b" HTTP/1.1\r\n\r\n"],
    ],
    ids=["one that never ends", "many", "a long address"],
)
def test_a_head_that_is_too_large_is_431(pieces: list[bytes]) -> None:
    async def scene(api: Guarded) -> None:
        status, problem = await api.told(*pieces)

        assert (status, problem["code"]) == (431, "headers_too_large")

    run(scene)


def test_what_is_no_http_is_400_and_who_says_nothing_is_closed() -> None:
    async def scene(api: Guarded) -> None:
        assert (await api.told(b"\x16\x03\x01 hello\r\n\r\n"))[0] == 400
        assert await api.told() == (0, {})

    run(scene)


def test_one_connection_too_many_is_503_and_the_others_go_on() -> None:
    async def scene(api: Guarded) -> None:
        async with contextlib.AsyncExitStack() as opened:
            kept = [await opened.enter_async_context(api.connected()) for _ in range(3)]
            status, problem = await api.told()
            for reader, writer in kept:
                writer.write(HEAD + b"Content-Length: 2\r\n\r\nhi")
                answer = await reader.readuntil(b"\r\n\r\n2")
                assert answer.startswith(b"HTTP/1.1 200")

        assert (status, problem["code"]) == (503, "too_many_connections")

    run(scene)


def test_a_body_that_nobody_reads_is_not_taken_for_ever() -> None:
    async def scene(api: Guarded) -> None:
        async with api.connected() as (reader, writer):
            writer.write(b"POST /ignore HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n")
            await reader.readuntil(b"no")
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_SOON):
                    while not reader.at_eof() and reader.exception() is None:
                        writer.write(b"x" * 10_000)
                        await writer.drain()
                        await asyncio.sleep(0)

            with contextlib.suppress(OSError):
                async with asyncio.timeout(_SOON):
                    assert await reader.read() == b""

    run(scene)


def test_who_takes_nothing_of_an_answer_is_let_go() -> None:
    async def scene(api: Guarded) -> None:
        async with api.connected() as (_, writer):
            writer.write(b"GET /endless HTTP/1.1\r\nHost: genq\r\n\r\n")
            async with asyncio.timeout(_SOON):
                while not api.server.server_state.tasks:  # noqa: ASYNC110 - uvicorn sets no event
                    await asyncio.sleep(0)
                while api.server.server_state.connections:  # noqa: ASYNC110 - nor here
                    await asyncio.sleep(0.01)  # sleeps: uvicorn sets no event

    run(scene)


def test_requests_that_behave_pass_one_after_the_other_and_in_a_pipeline() -> None:
    async def scene(api: Guarded) -> None:
        request = HEAD + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000
        async with api.connected() as (reader, writer):
            for _ in range(3):
                writer.write(request * 5)
                for _ in range(5):
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
                    assert await reader.readexactly(4) == b"2000"
                await asyncio.sleep(QUICK.head_seconds / 2)  # sleeps: a pause within the rules

    run(scene)


def test_a_body_without_a_length_is_cut_at_the_limit(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async def chunks() -> AsyncGenerator[bytes]:
            for _ in range(5):
                yield b" " * 65_536

        for path in ("/v1/jobs", "/v1/jobs/cancel", "/v1/jobs/bulk"):
            answer = await api.http.post(
                path, content=chunks(), headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 413, path
            assert answer.json()["code"] == "payload_too_large"

    small = {"max_body_bytes": 100_000, "max_bulk_bytes": 100_000}
    serve(settings.model_copy(update=small), scenario)


def test_every_answer_keeps_browsers_from_guessing_running_and_remembering(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        for path in ("/v1/jobs", "/nowhere", "/livez", "/openapi.json"):
            headers = (await api.http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert headers["cache-control"]
            assert "server" not in headers
            assert "strict-transport-security" not in headers

    serve(settings, scenario)
