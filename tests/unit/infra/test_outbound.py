"""The guard at dial time: no packet leaves for an address that the policy refuses."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from infra.http.outbound import OutboundPolicy, RefusedAddressError, outbound_session
from tests.fixtures.dialling import dialled

VECTORS: Final[Mapping[str, Any]] = json.loads(
    (Path(__file__).parent / "ssrf-vectors.json").read_text()
)
BLOCKED: Final = [str(row["address"]) for row in VECTORS["blocked"]]
REFUSED_URLS: Final = [str(url) for url in VECTORS["urls_refused_at_registration"]]
# What Linux answers on without any set-up: one loopback address is listed, another is not.
LISTED: Final = "127.0.0.1"
UNLISTED: Final = "127.0.0.2"
ONE_LISTED: Final = OutboundPolicy([IPv4Network(LISTED)])


@dataclass
class Answers(AbstractResolver):
    """A name server with a script: what it says at each look-up, the last for ever."""

    script: list[list[str]]
    asked: list[str] = field(default_factory=list[str])

    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family
        self.asked.append(host)
        answers = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answers
        ]

    async def close(self) -> None:
        pass


@dataclass
class Receiver:
    """A server that counts its visitors and answers each with the same bytes."""

    answer: bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    requests: list[bytes] = field(default_factory=list[bytes])
    visited: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    @asynccontextmanager
    async def listening(self, address: str, port: int = 0) -> AsyncGenerator["Receiver"]:
        server = await asyncio.start_server(self._meet, address, port)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        self.visited.set()
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    async def assert_nobody_came(self, address: str) -> None:
        """Visit it: connections are accepted in order, so an earlier guest would show."""
        _, writer = await asyncio.open_connection(address, self.port)
        writer.write(b"the test itself\r\n\r\n")
        await writer.drain()
        await self.visited.wait()
        assert self.requests == [b"the test itself\r\n\r\n"]
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def two_receivers() -> AsyncGenerator[tuple[Receiver, Receiver]]:
    """Listen on one port of both loopback addresses: at home, and where nobody may call."""
    async with (
        Receiver().listening(LISTED) as home,
        Receiver().listening(UNLISTED, home.port) as forbidden,
    ):
        yield home, forbidden


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(limited())


async def refusal(
    session: aiohttp.ClientSession, url: str, *, redirects: bool = False
) -> RefusedAddressError:
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        await session.post(url, data=b"{}", allow_redirects=redirects)
    assert isinstance(caught.value.__cause__, RefusedAddressError)
    return caught.value.__cause__


def test_every_special_address_behind_a_name_is_refused_at_dial_time() -> None:
    async def scenario() -> None:
        names = Answers([[address] for address in BLOCKED])
        async with outbound_session(OutboundPolicy(), resolver=names) as session:
            with dialled() as places:
                for number, address in enumerate(BLOCKED):
                    refused = await refusal(session, f"http://name{number}.example/")
                    assert refused.address == address
                    assert address not in refused.message
        assert places == []
        assert len(names.asked) == len(BLOCKED)

    run(scenario)


def test_every_special_address_in_a_url_is_refused_at_dial_time() -> None:
    async def scenario() -> None:
        async with outbound_session(OutboundPolicy()) as session:
            with dialled() as places:
                for address in BLOCKED:
                    host = f"[{address}]" if ":" in address else address
                    await refusal(session, f"http://{host}/")
                    await refusal(session, f"https://{host}/")
        assert places == []

    run(scenario)


@pytest.mark.parametrize("url", REFUSED_URLS, ids=ascii)
def test_a_refused_url_is_not_dialled_even_without_the_early_check(url: str) -> None:
    async def scenario() -> None:
        names = Answers([[UNLISTED]])
        async with outbound_session(OutboundPolicy(), resolver=names) as session:
            with dialled() as places, pytest.raises(aiohttp.ClientError):
                await session.post(url, allow_redirects=False)
        assert places == []

    run(scenario)


def test_nothing_reaches_a_server_that_is_not_listed() -> None:
    async def scenario() -> None:
        async with (
            two_receivers() as (home, forbidden),
            outbound_session(ONE_LISTED) as session,
        ):
            await refusal(session, f"http://{UNLISTED}:{home.port}/")
            await refusal(session, f"http://[::ffff:{UNLISTED}]:{home.port}/")

            await forbidden.assert_nobody_came(UNLISTED)

    run(scenario)


def test_a_server_in_a_listed_network_is_reached() -> None:
    async def scenario() -> None:
        async with (
            Receiver().listening(LISTED) as home,
            outbound_session(ONE_LISTED, resolver=Answers([[LISTED]])) as session,
        ):
            for host in (LISTED, "home.example"):
                answer = await session.post(
                    f"http://{host}:{home.port}/", data=b"{}", allow_redirects=False
                )
                assert await answer.read() == b"ok"
            assert len(home.requests) == 2

    run(scenario)


def test_a_name_that_changes_its_answer_is_refused_the_second_time() -> None:
    async def scenario() -> None:
        names = Answers([[LISTED], [UNLISTED]])
        async with (
            two_receivers() as (home, forbidden),
            outbound_session(ONE_LISTED, resolver=names) as session,
        ):
            url = f"http://rebinding.example:{home.port}/"
            answer = await session.post(url, allow_redirects=False)
            assert await answer.read() == b"ok"
            refused = await refusal(session, url)

            assert refused.address == UNLISTED
            assert names.asked == ["rebinding.example"] * 2
            await forbidden.assert_nobody_came(UNLISTED)

    run(scenario)


@pytest.mark.parametrize(
    "answers", [[LISTED, UNLISTED], [UNLISTED, LISTED], [UNLISTED, "::1", LISTED]]
)
def test_of_a_mixed_answer_only_the_permitted_address_is_dialled(answers: list[str]) -> None:
    async def scenario() -> None:
        async with (
            two_receivers() as (home, forbidden),
            outbound_session(ONE_LISTED, resolver=Answers([answers])) as session,
        ):
            answer = await session.post(
                f"http://mixed.example:{home.port}/", allow_redirects=False
            )

            assert await answer.read() == b"ok"
            await forbidden.assert_nobody_came(UNLISTED)

    run(scenario)


@pytest.mark.parametrize(
    "answers",
    [["10.0.0.5", "fd00::5"], ["10.0.0.5", "10.0.0.6"], ["::ffff:10.0.0.5"], ["localhost"]],
    ids=str,
)
def test_when_every_answer_is_refused_the_error_says_so(answers: Sequence[str]) -> None:
    async def scenario() -> None:
        names = Answers([list(answers)])
        async with outbound_session(ONE_LISTED, resolver=names) as session:
            refused = await refusal(session, "https://private.example/")
            assert "GENQ_OUTBOUND_ALLOW" in refused.message

    run(scenario)


def test_even_a_redirect_that_is_followed_stays_inside_the_policy() -> None:
    async def scenario() -> None:
        async with (
            two_receivers() as (home, forbidden),
            outbound_session(ONE_LISTED) as session,
        ):
            home.answer = (
                f"HTTP/1.1 307 Away\r\nLocation: http://{UNLISTED}:{home.port}/\r\n"
                "Content-Length: 0\r\n\r\n"
            ).encode()

            await refusal(session, f"http://{LISTED}:{home.port}/", redirects=True)

            await forbidden.assert_nobody_came(UNLISTED)

    run(scenario)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with (
            two_receivers() as (home, forbidden),
            outbound_session(ONE_LISTED) as session,
        ):
            monkeypatch.setenv("HTTP_PROXY", f"http://{UNLISTED}:{home.port}")
            answer = await session.post(f"http://{LISTED}:{home.port}/", allow_redirects=False)
            assert await answer.read() == b"ok"
            await forbidden.assert_nobody_came(UNLISTED)

    run(scenario)


def test_no_cookie_is_kept_and_nothing_is_decompressed() -> None:
    async def scenario() -> None:
        async with (
            Receiver().listening(LISTED) as home,
            outbound_session(ONE_LISTED) as session,
        ):
            home.answer = (
                b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1; Path=/\r\nContent-Encoding: gzip\r\n"
                b"Content-Length: 4\r\nConnection: close\r\n\r\n\x1f\x8b\x08\x00"
            )
            for _ in range(2):
                answer = await session.post(
                    f"http://{LISTED}:{home.port}/", allow_redirects=False
                )
                assert await answer.read() == b"\x1f\x8b\x08\x00"
        assert len(home.requests) == 2
        for request in home.requests:
            assert b"cookie" not in request.lower()
            assert b"accept-encoding" not in request.lower()

    run(scenario)
