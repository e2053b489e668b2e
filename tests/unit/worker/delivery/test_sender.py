"""Receivers that misbehave, and what the sender makes of them; no database."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.fixtures.receiver import Answer, Receiver
from tests.fixtures.sending import a_receiver, open_sender, owed_to
from worker.delivery.schedule import Outcome, Result

HEAD = b"HTTP/1.1 200 OK\r\n"
BRIEF = timedelta(seconds=0.3)


@contextlib.asynccontextmanager
async def raw_server(pieces: Callable[[], AsyncIterator[bytes]]) -> AsyncGenerator[str]:
    """Accept anything and write ``pieces``; yield the URL."""

    serving: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await reader.readuntil(b"\r\n\r\n")
                async for piece in pieces():
                    writer.write(piece)
                    await writer.drain()
        finally:
            writer.close()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(talk(reader, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        server.close()
        await server.wait_closed()


def send(url: str, *, address: str | None = None, **changes: Any) -> Result:
    """Send to ``url``; ``changes`` are of the receiver."""

    async def play() -> Result:
        async with open_sender(address=address) as sender:
            return await sender.send(owed_to(url), a_receiver(timeout=BRIEF, **changes))

    return asyncio.run(play())


def send_to_raw(pieces: Callable[[], AsyncIterator[bytes]]) -> Result:
    async def play() -> Result:
        async with raw_server(pieces) as url, open_sender() as sender:
            return await sender.send(owed_to(url), a_receiver(timeout=BRIEF))

    return asyncio.run(play())


def send_to(answer: Answer) -> Result:
    async def play() -> Result:
        async with Receiver(answer) as receiver, open_sender() as sender:
            return await sender.send(owed_to(receiver.url), a_receiver(timeout=BRIEF))

    return asyncio.run(play())


async def endless(first: bytes, piece: bytes) -> AsyncIterator[bytes]:
    yield first
    while True:
        yield piece
        await asyncio.sleep(0)


async def then_silence(first: bytes) -> AsyncIterator[bytes]:
    yield first
    await asyncio.Event().wait()


async def only(first: bytes) -> AsyncIterator[bytes]:
    yield first


def test_a_receiver_that_never_answers_is_left_after_the_timeout() -> None:
    result = send_to(Answer(hang=True))
    assert result.outcome is Outcome.TIMEOUT
    assert timedelta(seconds=0.3) <= result.duration < timedelta(seconds=1.3)


def test_a_receiver_that_closes_without_a_word_is_disconnected() -> None:
    assert send_to(Answer(cut="head")).outcome in {
        Outcome.DISCONNECTED,
        Outcome.CONNECTION_RESET,
    }


def test_a_cut_body_after_a_good_head_is_a_success() -> None:
    result = send_to(Answer(cut="body", body=b"x" * 100))
    assert (result.outcome, result.status) == (Outcome.SUCCESS, 200)


def test_a_body_that_never_ends_is_a_success_and_not_waited_for_beyond_the_timeout() -> None:
    head = HEAD + b"Content-Length: 1000\r\n\r\nx"
    result = send_to_raw(lambda: then_silence(head))
    assert result.outcome is Outcome.SUCCESS
    assert result.duration < timedelta(seconds=1.3)


def test_an_endless_body_is_read_no_further_than_the_bound() -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    result = send_to_raw(lambda: endless(head, b"1000\r\n" + b"x" * 4096 + b"\r\n"))
    assert result.outcome is Outcome.SUCCESS
    assert result.duration < timedelta(seconds=0.3)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
        HEAD + b"Content-Length: 2\r\n\r\nok, and more than was announced",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nthis is no chunk",
    ],
)
def test_a_good_head_is_a_success_whatever_comes_with_it(said: bytes) -> None:
    assert send_to_raw(lambda: only(said)).outcome is Outcome.SUCCESS


def test_a_failure_with_a_huge_body_is_still_that_failure() -> None:
    result = send_to(Answer(500, body=b"x" * 5_000_000))
    assert (result.outcome, result.status) == (Outcome.HTTP_ERROR, 500)


@pytest.mark.parametrize(
    "first",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        HEAD + b"X: " + b"x" * 20_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
def test_what_is_not_http_is_a_protocol_error(first: bytes) -> None:
    assert send_to_raw(lambda: only(first)).outcome is Outcome.PROTOCOL_ERROR


def test_endless_headers_are_refused() -> None:
    result = send_to_raw(lambda: endless(HEAD, b"X-More: " + b"x" * 1000 + b"\r\n"))
    assert result.outcome in {Outcome.PROTOCOL_ERROR, Outcome.TIMEOUT}


def test_endless_interim_answers_end_at_the_timeout() -> None:
    result = send_to_raw(lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"))
    assert result.outcome is Outcome.TIMEOUT
    assert result.duration < timedelta(seconds=1.3)


def test_a_few_interim_answers_are_skipped() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 3
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" + hints
    final = b"HTTP/1.1 204 No Content\r\n\r\n"
    result = send_to_raw(lambda: only(interim + final))
    assert (result.outcome, result.status) == (Outcome.SUCCESS, 204)


def test_switching_protocols_is_no_success() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    result = send_to_raw(lambda: only(head))
    assert (result.outcome, result.status) == (Outcome.PROTOCOL_ERROR, 101)


@pytest.mark.parametrize(("size", "connections"), [(12_000, 1), (40_000, 2)])
def test_a_connection_is_closed_rather_than_read_beyond_16_kib(
    size: int, connections: int
) -> None:
    async def play() -> None:
        answer = Answer(body=b"x" * size)
        async with Receiver(otherwise=answer) as receiver, open_sender() as sender:
            for _ in range(2):
                result = await sender.send(owed_to(receiver.url), a_receiver())
                assert result.answer_body == b"x" * 4096
            assert len({request.connection for request in receiver.requests}) == connections

    asyncio.run(play())


def test_a_closed_port_refuses_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    result = send(f"http://127.0.0.1:{port}/")
    assert (result.outcome, result.detail) == (
        Outcome.CONNECTION_REFUSED,
        "Connection refused",
    )


def test_an_unknown_name_is_a_dns_error() -> None:
    assert send("http://nowhere.example/").outcome is Outcome.DNS_ERROR


def test_a_name_that_leads_inside_is_blocked_when_it_is_dialled() -> None:
    result = send("http://inside.example/", address="10.0.0.1")
    assert result.outcome is Outcome.BLOCKED_ADDRESS
    assert result.detail is not None
    assert "10.0.0.1" not in result.detail


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "ftp://example.com/", "http:///x"])
def test_a_url_that_can_never_be_called_is_refused(url: str) -> None:
    assert send(url).outcome is Outcome.REFUSED
