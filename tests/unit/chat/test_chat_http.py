"""The way out to chat platforms: within bounds, to the platforms alone, and no secret leaks."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.chat.adapter import ChatCall, ChatHttpAnswer, FilePart
from infra.chat.http import AioChatHttp, open_chat_http, seconds_of_files
from infra.chat.opening import adapters_of
from schemas.chat import Platform
from schemas.chat_errors import ChatUnreachableError
from tests.fixtures.discord_views import DISCORD, settings_of

PATH = "/bot123:secret/say%2Fthis"


def call_of(**changes: Any) -> ChatCall:
    return replace(ChatCall("POST", PATH, "platform say"), **changes)


def answered(
    respond: Callable[[web.Request], Awaitable[web.StreamResponse]],
    call: ChatCall,
    *,
    seconds: float = 10,
) -> ChatHttpAnswer:
    """Return what comes of a call whose URL is a path of the server's."""

    async def scenario() -> ChatHttpAnswer:
        app = web.Application(client_max_size=1 << 25)
        app.router.add_route("*", "/{path:.*}", respond)
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            base = str(server.make_url("")).rstrip("/")
            http = AioChatHttp(session, origins=[f"{base}/api/v10"], seconds=seconds)
            return await http.send(replace(call, url=base + call.url))

    return asyncio.run(scenario())


async def tell_back(request: web.Request) -> web.Response:
    told: dict[str, Any] = {"path": request.raw_path, "type": request.content_type}
    if request.content_type.startswith("multipart/"):
        form = await request.post()
        told["parts"] = {name: _part(value) for name, value in form.items()}
    else:
        told["body"] = (await request.read()).decode()
    return web.json_response(told, headers={"X-RateLimit-Remaining": "4"})


def _part(value: str | bytes | bytearray | web.FileField) -> Any:
    if isinstance(value, web.FileField):
        return [value.filename, value.content_type, len(value.file.read())]
    return value if isinstance(value, str) else value.decode()


@pytest.mark.parametrize(
    ("changes", "media_type", "body"),
    [
        ({"body": {"a": "é"}}, "application/json", '{"a":"é"}'),
        ({"form": {"a": "é &"}}, "application/x-www-form-urlencoded", "a=%C3%A9+%26"),
        ({"raw": FilePart("", "x", "image/png", b"PNG")}, "image/png", "PNG"),
        ({}, "application/octet-stream", ""),
    ],
)
def test_a_body_is_sent_as_what_it_is(
    changes: dict[str, Any], media_type: str, body: str
) -> None:
    answer = answered(tell_back, call_of(**changes))
    told = json.loads(answer.body)
    assert (told["type"], told["body"], told["path"]) == (media_type, body, PATH)
    assert answer.headers["x-ratelimit-remaining"] == "4"


def test_files_go_as_parts_beside_what_is_said_of_them() -> None:
    files = (FilePart("files[0]", "grid.webp", "image/webp", b"x" * 3_000_000),)
    told = json.loads(
        answered(tell_back, call_of(body={"a": 1}, form={"b": "2"}, files=files)).body
    )
    assert told["parts"] == {
        "payload_json": '{"a":1}',
        "b": "2",
        "files[0]": ["grid.webp", "image/webp", 3_000_000],
    }


def test_a_redirect_is_an_answer_and_not_a_way() -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"})

    assert answered(elsewhere, call_of()).status == 307


def test_an_answer_has_a_length() -> None:
    async def long(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 2_000_000)

    with pytest.raises(ChatUnreachableError, match=r"platform say: the answer is too long"):
        answered(long, call_of())
    assert len(answered(long, call_of(most=2_000_000)).body) == 2_000_000


def test_an_answer_has_a_time() -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ChatUnreachableError) as caught:
        answered(never, call_of(), seconds=0.05)
    assert "secret" not in f"{caught.value!r}{caught.value.__cause__}"


def test_a_file_on_a_slow_line_has_a_second_more_for_each_128_kib() -> None:
    """And with it a call that would have been over is answered."""
    photo = FilePart("photo", "a.jpg", "image/jpeg", bytes(1 << 17))

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.1)  # sleeps: it plays a line that is slower than the time allowed
        return await tell_back(request)

    with pytest.raises(ChatUnreachableError):
        answered(slow, call_of(body={}), seconds=0.02)
    for call in (call_of(files=(photo,)), call_of(raw=photo), call_of(most=20_000_000)):
        assert answered(slow, call, seconds=0.02).status == 200
    assert seconds_of_files(call_of(files=(photo,) * 80)) == 80
    assert seconds_of_files(call_of(most=1 << 20)) == 0


def test_an_answer_that_breaks_off_is_none() -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        assert request.transport is not None
        request.transport.abort()
        return response

    with pytest.raises(ChatUnreachableError, match=r"platform say: no answer"):
        answered(broken, call_of())


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://evil.test/x",
        "https://evilslack.com/x",
        "http://hooks.slack.com/x",
        "https://hooks.slack.com:8443/x",
        "https://user@hooks.slack.com/x",
        "https://hooks.slack.com@evil.test/x",
        "file:///etc/passwd",
        "//hooks.slack.com/x",
        "https://discord.test\\@evil.test/x",
        "https://discord.test/a b",
        "https://discord.test/\r\nX: y",
        "https://discord.test:x/",
        "https://dïscord.test/",
        "",
    ],
)
def test_no_call_leaves_for_another_place(url: str) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession(connector=_Dialled()) as session:
            http = AioChatHttp(session, origins=["https://discord.test/api/v10"])
            with pytest.raises(ChatUnreachableError) as caught:
                await http.send(call_of(url=url))
            assert "test" not in caught.value.message

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "url", ["https://discord.test/x", "https://hooks.slack.com/services/1"]
)
def test_calls_to_the_platforms_are_dialled(url: str) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession(connector=_Dialled()) as session:
            http = AioChatHttp(session, origins=["https://discord.test/api/v10"])
            await http.send(call_of(url=url))

    with pytest.raises(AssertionError, match="dialled"):
        asyncio.run(scenario())


class _Dialled(aiohttp.BaseConnector):
    """Tells that it was asked for a connection."""

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("dialled")


def test_a_platform_without_a_bot_has_no_adapter() -> None:
    assert adapters_of(settings_of({})) == {}
    found = adapters_of(settings_of(DISCORD))
    assert list(found) == [Platform.DISCORD]
    assert found[Platform.DISCORD].platform is Platform.DISCORD


def test_a_platform_that_hangs_takes_no_connection_from_the_others() -> None:
    """The usual hundred connections would all be its."""
    gate, hung = asyncio.Event(), 0

    async def hang(request: web.Request) -> web.Response:
        nonlocal hung
        hung += 1
        if hung == 120:
            gate.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario() -> int:
        app = web.Application()
        app.router.add_post("/hang", hang)
        app.router.add_post("/well", tell_back)
        async with TestServer(app, shutdown_timeout=0) as server:
            base = str(server.make_url("")).rstrip("/")
            async with open_chat_http(settings_of({**DISCORD, "discord_url": base})) as http:
                calls = [call_of(url=f"{base}/hang")] * 120
                hanging = [asyncio.ensure_future(http.send(call)) for call in calls]
                async with asyncio.timeout(5):
                    await gate.wait()
                    answer = await http.send(call_of(url=f"{base}/well"))
                for one in hanging:
                    one.cancel()
                await asyncio.gather(*hanging, return_exceptions=True)
                return answer.status

    assert asyncio.run(scenario()) == 200
