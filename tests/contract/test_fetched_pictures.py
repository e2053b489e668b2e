"""Pictures that inputs name by URLs: fetched through the guard, whatever their host does."""

import asyncio
import gzip
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from ipaddress import IPv4Network
from typing import Any, Final

import pytest

from infra.clock import SystemClock
from infra.http.destinations import Destinations
from infra.http.names import Names
from infra.http.opening import Outbound, open_outbound
from infra.http.outbound import outbound_session
from infra.http.outbound_policy import OutboundPolicy
from schemas.errors import GenqError, InputError
from schemas.picture_errors import PictureBusyError, PictureUnavailableError
from tests.fixtures.hostile_talks import METADATA, Talk, for_ever, never, reset
from tests.fixtures.model_server import png
from tests.fixtures.name_server import NameServer
from tests.fixtures.picture_host import PictureHost, picture_host, status, whole
from tests.fixtures.pictures import encoded, scene
from worker.pipeline.picture_fetch import RemotePictures
from worker.pipeline.picture_places import FetchPlaces

HERE: Final = OutboundPolicy([IPv4Network("127.0.0.1/32")])
SECRET: Final = "signature=Zm9v%2Fbar%3D"
MOST: Final = 200_000
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
NOISE: Final = encoded(scene(1))


def endless(path: str) -> Talk:
    return status("302 Found", Location=path)


HOSTILE: Final[dict[str, tuple[Talk, type[GenqError], str]]] = {
    "/html": (whole(b"<!doctype html>" * 20), InputError, "is no PNG"),
    "/svg": (whole(b"<svg onload='alert(1)'/>" * 9, "image/svg+xml"), InputError, "is no PNG"),
    "/nothing": (whole(b""), InputError, "is no PNG"),
    "/endless-html": (partial(for_ever, HEAD + b"\r\n", b"<p>" * 999, 0), InputError, "no PNG"),
    "/huge": (
        partial(for_ever, HEAD + b"\r\n" + NOISE, b"x" * 9999, 0),
        InputError,
        "too large",
    ),
    "/huge-said": (
        partial(for_ever, HEAD + b"Content-Length: 9000000\r\n\r\n", NOISE, 0),
        InputError,
        "too large",
    ),
    "/gzip": (
        partial(
            for_ever,
            HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(9_000_000)),
            b"",
            1,
        ),
        InputError,
        "compressed",
    ),
    "/404": (status("404 Not Found"), InputError, "HTTP 404"),
    "/403": (status("403 Forbidden"), InputError, "HTTP 403"),
    "/204": (status("204 No Content"), InputError, "HTTP 204"),
    "/nowhere": (status("301 Moved"), InputError, "redirected to nowhere"),
    "/loop": (endless("/loop"), InputError, "more than 5 times"),
    "/metadata": (endless(METADATA), InputError, "not public"),
    "/localhost": (endless("http://127.0.0.2:8000/a"), InputError, "not public"),
    "/six": (endless("http://[::1]:8000/a"), InputError, "not public"),
    "/disguise": (endless("http://2130706433/a"), InputError, "not public"),
    "/gopher": (endless("gopher://example.com/"), InputError, "https://"),
    "/file": (endless("file:///etc/passwd"), InputError, "https://"),
    "/password": (endless("http://a:b@example.com/"), InputError, "password"),
    "/500": (status("500 Oh"), PictureUnavailableError, "HTTP 500"),
    "/429": (status("429 Slowly", Retry_After="999999"), PictureUnavailableError, "HTTP 429"),
    "/reset": (partial(reset, HEAD), PictureUnavailableError, "broke off"),
    "/half": (
        partial(reset, HEAD + b"Content-Length: 99999\r\n\r\n" + NOISE[:999]),
        PictureUnavailableError,
        "broke off",
    ),
    "/no-http": (whole(b"", status="hello"), PictureUnavailableError, "broke off"),
}


@asynccontextmanager
async def pictures_of(
    policy: OutboundPolicy = HERE, places: FetchPlaces | None = None, **more: Any
) -> AsyncGenerator[RemotePictures]:
    async with open_outbound(policy, **more) as outbound:
        yield RemotePictures(outbound, places or FetchPlaces(100, 20), SystemClock(), http=True)


async def get(remote: RemotePictures, url: str, seconds: float = 5.0) -> bytes:
    async with asyncio.timeout(seconds):
        return await remote.get(url, "images/0", tenant_id=1, most=MOST)


def test_a_hostile_host_gets_nowhere_and_its_url_is_told_to_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def scenario() -> None:
        talks = {path: talk for path, (talk, _, _) in HOSTILE.items()}
        async with picture_host(talks) as host, pictures_of() as remote:
            for path, (_, kind, why) in HOSTILE.items():
                with pytest.raises(GenqError) as failed:
                    await get(remote, f"{host.url}{path}?{SECRET}")
                error = failed.value
                assert type(error) is kind, (path, error)
                assert why in error.message, (path, error)
                assert "/input/images/0" in error.message, path
                assert SECRET not in error.message
                assert host.url not in error.message
                assert error.retryable == (kind is PictureUnavailableError)
                if path == "/429":
                    assert error.retry_after is not None
                    assert error.retry_after.total_seconds() == 120
            async with asyncio.timeout(2):
                while host.open:
                    host.closed.clear()
                    await host.closed.wait()

    began = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - began < 5
    told = capsys.readouterr()
    assert "signature" not in told.out + told.err


def test_a_picture_comes_as_its_url_says_to_the_letter() -> None:
    async def scenario() -> None:
        talks = {
            "/a%2Fb": whole(NOISE, "text/html"),
            "/there": status("307 There", Location="/a%2Fb?x=%2F"),
        }
        async with picture_host(talks) as host, pictures_of() as remote:
            assert await get(remote, f"{host.url}/a%2Fb?{SECRET}#fragment") == NOISE
            assert await get(remote, f"{host.url}/there") == NOISE
            lines = [head.splitlines()[0] for head in host.heads]
            assert lines == [
                f"GET /a%2Fb?{SECRET} HTTP/1.1",
                "GET /there HTTP/1.1",
                "GET /a%2Fb?x=%2F HTTP/1.1",
            ]
            said = "".join(host.heads).lower()
            assert not {"cookie:", "authorization:", "referer:"} & set(said.split())

    asyncio.run(scenario())


def test_only_https_is_fetched_unless_an_operator_says_otherwise() -> None:
    async def scenario() -> None:
        async with picture_host({"/a": whole(png())}) as host, open_outbound(HERE) as outbound:
            remote = RemotePictures(outbound, FetchPlaces(100, 4), SystemClock())
            with pytest.raises(InputError, match="https://"):
                await get(remote, f"{host.url}/a")
            assert not host.heads

    asyncio.run(scenario())


def test_a_name_that_leads_inside_is_not_called() -> None:
    async def scenario() -> None:
        script: dict[str, list[list[str]]] = {"inside.test": [["127.0.0.1"]], "gone.test": [[]]}
        policy = OutboundPolicy()
        async with (
            picture_host({"/a": whole(png())}) as host,
            NameServer(script).listening() as server,
        ):
            names = Names(policy.permits, servers=[server.place])
            session = outbound_session(policy, resolver=names)
            destinations = Destinations(names, exempt=policy.lists)
            async with session:
                outbound = Outbound(session, policy, destinations)
                remote = RemotePictures(outbound, FetchPlaces(9, 4), SystemClock(), http=True)
                port = host.url.rpartition(":")[2]
                with pytest.raises(InputError, match="does not call"):
                    await get(remote, f"http://inside.test:{port}/a")
                with pytest.raises(PictureUnavailableError):
                    await get(remote, f"http://gone.test:{port}/a")
            await names.close()
            assert not host.heads

    asyncio.run(scenario())


def test_who_gives_up_closes_the_connection() -> None:
    async def scenario(host: PictureHost, remote: RemotePictures) -> None:
        for path in ("/silent", "/slow"):
            host.closed.clear()
            host.asked.clear()
            fetching = asyncio.create_task(get(remote, f"{host.url}{path}"))
            async with asyncio.timeout(5):
                await host.asked.wait()
                fetching.cancel()
                await host.closed.wait()
                await asyncio.wait([fetching])
            assert fetching.cancelled()
            assert not host.open

    async def opened() -> None:
        drip = partial(for_ever, HEAD + b"\r\n" + NOISE[:70], b"x", 0.05)
        async with (
            picture_host({"/silent": never, "/slow": drip}) as host,
            pictures_of() as remote,
        ):
            await scenario(host, remote)

    asyncio.run(opened())


async def taken(places: FetchPlaces, *wanted: tuple[str, int]) -> AsyncExitStack:
    async with AsyncExitStack() as held:
        for host, tenant in wanted:
            await held.enter_async_context(places.place(host, tenant))
        return held.pop_all()


async def refused(places: FetchPlaces, host: str, tenant: int) -> bool:
    with pytest.raises(PictureBusyError) as busy:
        await taken(places, (host, tenant))
    return busy.value.retry_after is not None


def test_one_slow_host_and_one_tenant_have_few_places_and_give_them_back() -> None:
    async def scenario() -> None:
        # Of 16 slots a quarter for one tenant, half for all.
        places = FetchPlaces(16, 3, patience=0.01)
        async with await taken(places, ("a", 1), ("a", 1), ("a", 2)):
            assert await refused(places, "a", 3)
            async with await taken(places, ("b", 1), ("c", 1)):
                assert await refused(places, "d", 1)
            others = [("b", 2), ("b", 2), ("b", 2), ("c", 3), ("c", 3)]
            async with await taken(places, *others):
                assert await refused(places, "d", 4)
        async with await taken(places, ("a", 4), ("a", 4), ("a", 4), ("b", 4)):
            pass
        # However few slots there are, somebody gets a place.
        async with await taken(FetchPlaces(1, 4), ("a", 1)):
            pass

    asyncio.run(scenario())


def test_who_comes_a_moment_too_early_is_served_when_the_one_before_has_left() -> None:
    async def scenario() -> None:
        places = FetchPlaces(16, 1, patience=5)
        async with places.place("a", 1):
            waiting = asyncio.create_task(taken(places, ("a", 2)))
            await asyncio.sleep(0)
            assert not waiting.done()
        async with await waiting:
            pass

    asyncio.run(scenario())
