"""Through a forward proxy: it filters, and its failures are not the receiver's."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import trustme
import uvloop

from infra.http.connector import client_context
from infra.http.forward_proxy import ForwardProxy
from infra.http.opening import Outbound, open_outbound
from infra.http.outbound import OutboundPolicy
from tests.fixtures.forward_proxies import HttpProxy, SocksProxy, serving
from tests.fixtures.receiver import Answer, Receiver
from tests.fixtures.until import until
from worker.delivery.failures import outcome_of_failure
from worker.delivery.schedule import Outcome

CA = trustme.CA()
# Nothing private is listed: the proxy decides what may be called.
POLICY = OutboundPolicy()
QUICK = aiohttp.ClientTimeout(total=3, sock_connect=0.5)
WITHOUT_SOCKS = """
import asyncio, sys
sys.modules["aiohttp_socks"] = None
from infra.http.forward_proxy import ForwardProxy
from infra.http.opening import open_outbound
from infra.http.outbound import OutboundPolicy

async def main():
    async with open_outbound(OutboundPolicy(), proxy=ForwardProxy.parse("socks5://[::1]:1080")):
        pass

asyncio.run(main())
"""
PROXIES = pytest.mark.parametrize("kind", ["http", "https", "socks5"])


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10):
            await scenario()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(limited())


def trusting() -> ssl.SSLContext:
    context = client_context()
    CA.configure_trust(context)
    return context


def certified(*hosts: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert(*hosts).configure_cert(context)
    return context


@asynccontextmanager
async def proxied(
    kind: str, proxy: HttpProxy | SocksProxy, credentials: str = ""
) -> AsyncGenerator[Outbound]:
    tls = certified("127.0.0.1") if kind == "https" else None
    async with serving(proxy, tls) as port:
        place = ForwardProxy.parse(f"{kind}://{credentials}127.0.0.1:{port}")
        async with open_outbound(POLICY, proxy=place, timeout=QUICK, tls=trusting()) as out:
            yield out


def proxy_of(kind: str, **options: Any) -> HttpProxy | SocksProxy:
    return SocksProxy(**options) if kind == "socks5" else HttpProxy(**options)


async def post(outbound: Outbound, url: str) -> Outcome | int:
    """Return the status, or what the failure counts as."""
    try:
        async with (
            outbound.destinations.place(url, tenant=1),
            outbound.session.post(url, data=b"{}", allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, OSError) as error:
        return outcome_of_failure(error)


@PROXIES
def test_requests_go_through_the_proxy_which_looks_names_up(kind: str) -> None:
    async def scenario() -> None:
        proxy = proxy_of(kind, credentials="us er:pa:ss")
        async with (
            Receiver() as receiver,
            proxied(kind, proxy, "us%20er:pa%3Ass@") as outbound,
        ):
            # Only the proxy knows this name.
            for _ in range(2):
                url = f"http://receiver.test:{receiver.port}/hook"
                assert await post(outbound, url) == 200
            assert [one.body for one in receiver.requests] == [b"{}"] * 2
            assert f"receiver.test:{receiver.port}" in proxy.asked[0]

    run(scenario)


@PROXIES
def test_receivers_are_verified_through_the_proxy_by_the_urls_host(kind: str) -> None:
    async def scenario() -> None:
        proxy, target = proxy_of(kind), HttpProxy(answers=204)
        async with (
            serving(target, certified("receiver.test")) as port,
            proxied(kind, proxy) as outbound,
        ):
            assert await post(outbound, f"https://receiver.test:{port}/") == 204
            assert await post(outbound, f"https://other.test:{port}/") is Outcome.TLS_ERROR
            assert [line.partition(":")[0] for line in proxy.asked] == (
                ["receiver.test", "other.test"]
                if kind == "socks5"
                else ["CONNECT receiver.test", "CONNECT other.test"]
            )

    run(scenario)


@pytest.mark.parametrize(
    ("kind", "options", "outcome"),
    [
        ("http", {"answers": 502}, Outcome.INTERNAL),
        ("http", {"answers": 407}, Outcome.INTERNAL),
        ("http", {"credentials": "right:one"}, Outcome.INTERNAL),
        ("http", {"answers": 403}, Outcome.BLOCKED_ADDRESS),
        ("socks5", {"credentials": "right:one"}, Outcome.INTERNAL),
        ("socks5", {"replies": 1}, Outcome.INTERNAL),
        ("socks5", {"replies": 2}, Outcome.BLOCKED_ADDRESS),
        ("socks5", {"replies": 4}, Outcome.NETWORK_UNREACHABLE),
        ("socks5", {"replies": 5}, Outcome.CONNECTION_REFUSED),
    ],
)
def test_what_the_proxy_says_tells_its_own_failures_from_the_receivers(
    kind: str, options: dict[str, Any], outcome: Outcome
) -> None:
    async def scenario() -> None:
        async with proxied(kind, proxy_of(kind, **options), "wrong:one@") as outbound:
            assert await post(outbound, "https://receiver.test/") is outcome

    run(scenario)


def test_a_proxy_that_wants_other_credentials_is_no_receivers_failure_over_http_either() -> (
    None
):
    async def scenario() -> None:
        async with proxied("http", HttpProxy(credentials="right:one")) as outbound:
            assert await post(outbound, "http://receiver.test/") is Outcome.INTERNAL

    run(scenario)


@PROXIES
@pytest.mark.parametrize("place", ["127.0.0.1:{gone}", "nowhere.invalid:3128"])
def test_a_proxy_that_is_gone_is_no_receivers_failure(kind: str, place: str) -> None:
    async def scenario() -> None:
        async with serving(HttpProxy()) as gone:
            pass
        proxy = ForwardProxy.parse(f"{kind}://{place.format(gone=gone)}")
        async with open_outbound(POLICY, proxy=proxy, timeout=QUICK) as outbound:
            assert await post(outbound, "https://receiver.test/") is Outcome.INTERNAL
            assert await post(outbound, "http://receiver.test/") is Outcome.INTERNAL

    run(scenario)


@PROXIES
def test_behind_a_proxy_requests_are_counted_by_name(kind: str) -> None:
    async def scenario() -> None:
        async with (
            Receiver(otherwise=Answer(hang=True)) as receiver,
            proxied(kind, proxy_of(kind)) as outbound,
        ):
            url = f"http://receiver.test:{receiver.port}/"

            async def send(tenant: int) -> None:
                async with (
                    outbound.destinations.place(url, tenant=tenant),
                    outbound.session.post(url, allow_redirects=False),
                ):
                    pass

            sending = [asyncio.create_task(send(n)) for n in range(40)]
            await until(lambda: receiver.in_flight == 32, "32 requests are in flight")
            assert outbound.proxied
            # One place is given to the next.
            sending[0].cancel()
            await until(lambda: len(receiver.requests) == 33, "the next one came")
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)
            assert receiver.most_in_flight <= 33

    run(scenario)


@pytest.mark.parametrize(
    "text",
    [
        *("", "proxy:3128", "http://", "http://proxy", "ftp://proxy:21", "socks4://proxy:1080"),
        *("http://u:hidden@proxy:99999", "http://u:hidden@proxy:3128/path", "http://[::1"),
    ],
)
def test_a_proxy_that_cannot_be_read_is_refused_without_telling_its_password(text: str) -> None:
    with pytest.raises(ValueError, match="must ") as caught:
        ForwardProxy.parse(text)
    assert "hidden" not in str(caught.value)


def test_a_socks_proxy_without_its_library_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_SOCKS], capture_output=True, check=False
    )
    assert b"SettingsError" in done.stderr
    assert b"genq[socks]" in done.stderr


def test_the_password_of_a_proxy_is_not_shown() -> None:
    proxy = ForwardProxy.parse("http://user:hidden@proxy.test:3128")
    assert (proxy.user, proxy.password) == ("user", "hidden")
    assert "hidden" not in repr(proxy)
