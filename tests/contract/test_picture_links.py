"""Pictures that come as links: followed to the server's own host or the public, bounded."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Final

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from infra.clock import SystemClock
from infra.http.outbound import OutboundPolicy, outbound_session
from schemas.errors import ModelBadAnswerError, ModelUnavailableError, OutboundRefusedError
from schemas.generation import Kind
from schemas.model_catalog import ModelServer, ModelSpec
from tests.fixtures.claims import image_claim
from tests.fixtures.model_server import (
    PATIENCE,
    Answer,
    ScriptedModelServer,
    answers,
    answers_bytes,
    cuts,
    floods,
    image_answer,
    model_server,
    png,
)
from worker.providers.downloads import PictureDownloads
from worker.providers.opening import open_providers

MODELS: Final = (ModelSpec(name="sim-image-1", kind=Kind.IMAGE),)
LOOPBACK: Final = IPv4Network("127.0.0.0/8")
MOST: Final = 100_000


def kites(base_url: str) -> ModelServer:
    return ModelServer(name="kites", base_url=base_url, models=MODELS)


class EveryNameIsThisMachine(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        return None


@asynccontextmanager
async def downloads_of(*allow: IPv4Network) -> AsyncGenerator[PictureDownloads]:
    policy = OutboundPolicy(allow)
    async with AsyncExitStack() as closing:
        yield PictureDownloads(
            own=await closing.enter_async_context(aiohttp.ClientSession()),
            outbound=await closing.enter_async_context(
                outbound_session(policy, resolver=EveryNameIsThisMachine())
            ),
            policy=policy,
            clock=SystemClock(),
            most=MOST,
        )


def fetch(
    link: str,
    answer: Answer | None = None,
    *,
    host: str = "",
    allow: Sequence[IPv4Network] = (),
) -> tuple[bytes | Exception, ScriptedModelServer]:
    """Follow ``link`` (``{origin}`` stands for the server) for a model server at ``host``."""

    async def scene() -> tuple[bytes | Exception, ScriptedModelServer]:
        async with model_server() as server, downloads_of(*allow) as downloads:
            server.files["a.png"] = answer or answers_bytes(png(), content_type="image/png")
            base_url = f"http://{host}/v1" if host else server.base_url
            port = server.origin.rpartition(":")[2]
            url = link.replace("{origin}", server.origin).replace("{port}", port)
            try:
                fetched = downloads.get(url, server=kites(base_url))
                return await asyncio.wait_for(fetched, PATIENCE), server
            except (ModelUnavailableError, OutboundRefusedError) as error:
                return error, server

    return asyncio.run(scene())


def test_a_link_to_the_servers_own_host_is_followed_although_it_is_private() -> None:
    data, server = fetch("{origin}/files/a.png")

    assert data == png()
    assert server.downloads == ["/files/a.png"]


def test_links_and_bytes_may_come_in_one_answer() -> None:
    async def scene() -> None:
        async with model_server() as server:
            server.files["a.png"] = answers_bytes(png("blue"), content_type="image/png")
            answer = image_answer(png("red"))
            answer["data"].append({"url": f"{server.origin}/files/a.png"})
            server.script = [answers(answer)]
            providers = await open_providers(
                [kites(server.base_url)],
                policy=OutboundPolicy(),
                clock=SystemClock(),
                silence=timedelta(seconds=5),
            )
            claim = image_claim(input={"prompt": "x", "n": 2})
            reply = await providers.of(kites(server.base_url)).generate(claim)
            await providers.close()
            assert [picture.data for picture in reply.pictures] == [png("red"), png("blue")]

    asyncio.run(scene())


@pytest.mark.parametrize(
    "link",
    [
        "{origin}/files/a.png",
        "http://localhost:1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://models.example@127.0.0.1/",
        "http://models.example\\@127.0.0.1/",
        "http://127.0.0.1\\.models.example/",
        "file:///etc/passwd",
        "//models.example/a.png",
        "a.png",
        "",
    ],
)
def test_a_link_to_any_other_private_place_is_refused(link: str) -> None:
    error, server = fetch(link, host="models.example")

    assert isinstance(error, OutboundRefusedError)
    assert not server.downloads


@pytest.mark.parametrize("allow", [(), (LOOPBACK,)], ids=["public", "listed"])
def test_a_name_is_judged_by_the_address_that_is_dialled(
    allow: tuple[IPv4Network, ...],
) -> None:
    found, server = fetch("http://pictures.example:{port}/files/a.png", allow=allow)

    assert (found == png()) == bool(allow)
    assert isinstance(found, OutboundRefusedError) != bool(allow)
    assert len(server.downloads) == len(allow)


def test_a_network_that_the_operator_lists_is_followed_too() -> None:
    data, server = fetch("{origin}/files/a.png", host="models.example", allow=[LOOPBACK])

    assert data == png()
    assert server.downloads == ["/files/a.png"]


BROKEN: Final = {
    "not found": answers({}, 404),
    "redirect": answers({}, 302, {"Location": "/files/a.png"}),
    "endless": floods(),
    "cut": cuts(b"half", announced=1000),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_link_that_leads_nowhere_is_a_bad_answer(name: str) -> None:
    error, server = fetch("{origin}/files/a.png", BROKEN[name])

    assert type(error) is ModelBadAnswerError
    assert len(server.downloads) == 1


def test_a_link_to_a_host_that_is_down_is_unavailable() -> None:
    error, _ = fetch("http://127.0.0.1:1/a.png", host="127.0.0.1:9")

    assert type(error) is ModelUnavailableError
