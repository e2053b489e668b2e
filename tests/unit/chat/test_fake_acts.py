"""How the fake platforms act: signatures, repetitions, slow answers, scripted faults."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import nacl.signing
import orjson
import pytest
from nacl.exceptions import BadSignatureError

from infra.chat.adapter import ChatCall
from infra.simulator.chat.calling import over_asgi, over_http
from infra.simulator.chat.discord_people import PUBLIC_KEY
from infra.simulator.chat.play import Play
from infra.simulator.chat.wire import Answer, Request, UnreadableError, form_of, parts_of
from schemas.chat_errors import ChatUnreachableError
from tests.fixtures.chat_platforms import PlatformHttp, PlayedPlatforms, answering, shows

WAITING = "**a kite** (Waiting to start)"
SHOWN = {"type": 4, "data": {"content": WAITING}}
ME = "/discord/api/v10/applications/@me"
BOT = {"authorization": "Bot fake-discord-bot-token"}


async def shown(path: str, headers: Any, body: bytes) -> Answer:
    return answering(SHOWN)


def test_discords_signature_is_right_by_another_library() -> None:
    async def scenario() -> None:
        platforms = PlayedPlatforms()

        async def call(path: str, headers: Any, body: bytes) -> Answer:
            signed = headers["X-Signature-Timestamp"].encode() + body
            key = nacl.signing.VerifyKey(bytes.fromhex(PUBLIC_KEY))
            key.verify(signed, bytes.fromhex(headers["X-Signature-Ed25519"]))
            return answering(SHOWN)

        platforms.connect(call)
        await platforms.discord.people.say("/imagine a kite")
        with pytest.raises(BadSignatureError):
            await platforms.discord.people.ping(forged=True)

    asyncio.run(scenario())


def test_the_same_interaction_five_times_is_one_message_and_five_answers() -> None:
    async def scenario() -> None:
        platforms = PlayedPlatforms()
        bodies: list[bytes] = []

        async def call(path: str, headers: Any, body: bytes) -> Answer:
            bodies.append(body)
            return answering(SHOWN)

        platforms.connect(call)
        said = await platforms.discord.people.say("/imagine a kite", times=5)
        await platforms.discord.people.again(said)
        assert len(set(bodies)) == 1
        assert (len(bodies), len(said.answers)) == (6, 5)
        assert len(platforms.discord.board.of_bot()) == 1
        assert platforms.ledger.violations == []

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["discord", "slack"])
def test_an_answer_after_three_seconds_is_none(name: str) -> None:
    async def scenario() -> None:
        platforms = PlayedPlatforms()

        async def call(path: str, headers: Any, body: bytes) -> Answer:
            platforms.move(seconds=3.1)
            return answering(SHOWN) if name == "discord" else Answer(200, b"")

        platforms.connect(call)
        said = await platforms.all[name].people.say("/imagine a kite")
        assert said.message is None
        assert "after 3.1" in platforms.ledger.violations[0]

    asyncio.run(scenario())


def test_faults_come_as_scripted_and_are_no_violations() -> None:
    async def scenario() -> None:
        platforms = PlayedPlatforms()
        ledger, ask = platforms.ledger, Request("GET", ME, headers=BOT)
        ledger.fail_next(r"GET .*/@me$", 503, {"message": "down"}, times=2)
        statuses = [(await platforms.handle(ask)).status for _ in range(3)]
        assert statuses == [503, 503, 200]

        gate = ledger.hold_next("GET")
        held = asyncio.ensure_future(platforms.handle(ask))
        await asyncio.sleep(0)
        assert not held.done()
        gate.set()
        assert (await held).status == 200
        assert [entry.faulted for entry in ledger.matching("GET")] == [True, True, False, False]
        assert ledger.violations == []

    asyncio.run(scenario())


def test_a_dropped_connection_has_acted() -> None:
    async def scenario() -> None:
        platforms = PlayedPlatforms()
        platforms.connect(shown)
        said = await platforms.discord.people.say("/imagine a kite")
        path = f"webhooks/1100000000000000001/{said.token}/messages/@original"
        url = f"{platforms.url}/discord/api/v10/{path}"
        platforms.ledger.drop_next("PATCH")
        with pytest.raises(ChatUnreachableError):
            await PlatformHttp(platforms).send(ChatCall("PATCH", url, "x", {"content": "y"}))
        assert (await shows(platforms.discord, lambda m: m.text == "y")).edits == 1

        platforms.ledger.drop_next("PATCH")
        async with platforms.serve() as origin, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.patch(f"{origin}/discord/api/v10/{path}", json={"content": "z"})
        assert said.text == "z"

    asyncio.run(scenario())


def test_a_platform_calls_an_asgi_application_of_this_process() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        event = await receive()
        assert (scope["path"], orjson.loads(event["body"])["type"]) == ("/chat/discord", 2)
        head = [(b"Content-Type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": orjson.dumps(SHOWN)})

    async def scenario() -> None:
        platforms = PlayedPlatforms()
        platforms.connect(over_asgi(app))
        said = await platforms.discord.people.say("/imagine a kite")
        assert said.text == WAITING

    asyncio.run(scenario())


class Plays:
    """Somebody who plays Discord over HTTP."""

    def __init__(self, platforms: PlayedPlatforms, session: aiohttp.ClientSession) -> None:
        self.platforms = platforms
        self._session = session

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        url = f"{self.platforms.url}{path}"
        async with self._session.request(method, url, json=body, **more) as response:
            return response.status, await response.json()

    async def upload(self, data: bytes) -> Any:
        url, kind = f"{self.platforms.url}/play/upload", {"Content-Type": "image/png"}
        async with self._session.post(url, data=data, headers=kind) as response:
            return await response.json()

    async def download(self, url: str) -> bytes:
        async with self._session.get(url) as response:
            return await response.read()


def plays(scenario: Callable[[Plays], Awaitable[None]]) -> None:
    async def run() -> None:
        platforms = PlayedPlatforms()
        async with aiohttp.ClientSession() as session:
            routes = Play(platforms, session, "discord").routes()
            async with platforms.serve(more=routes):
                await scenario(Plays(platforms, session))

    asyncio.run(run())


def test_who_plays_says_uploads_and_watches() -> None:
    async def scenario(player: Plays) -> None:
        player.platforms.connect(shown)
        picture = await player.upload(b"png")
        waiting = asyncio.ensure_future(player.ask("GET", "/play/messages?after=0&wait=20"))
        told = {"text": "/imagine a kite", "pictures": [picture["id"]]}
        status, said = await player.ask("POST", "/play/say", told)
        assert (status, said["status"], said["message"]["text"]) == (200, 200, WAITING)
        _, seen = await waiting
        assert (seen["last"], seen["messages"]) == (1, [said["message"]])
        assert await player.download(picture["url"]) == b"png"
        assert (await player.ask("GET", "/play"))[1]["violations"] == []

    plays(scenario)


def test_what_cannot_be_played_is_told() -> None:
    async def scenario(player: Plays) -> None:
        say = {"text": "/imagine a kite"}
        assert (await player.ask("POST", "/play/say", say))[0] == 409
        player.platforms.connect(shown)
        _, said = await player.ask("POST", "/play/say", say)
        pressed = {"message": said["message"]["id"], "button": "U1"}
        assert (await player.ask("POST", "/play/press", pressed))[0] == 404
        assert (await player.ask("POST", "/play/say", {"txt": "x"}))[0] == 400
        assert (await player.ask("POST", "/play/say", {**say, "platform": "irc"}))[0] == 400
        for name in ("user", "channel"):
            nobody = {**say, "platform": "telegram", name: "ada"}
            status, told = await player.ask("POST", "/play/say", nobody)
            assert (status, told["error"].split(":")[0]) == (400, name)
        foreign, plain = {"Host": "evil.example"}, {"Content-Type": "text/plain"}
        assert (await player.ask("GET", "/play/messages", headers=foreign))[0] == 403
        assert (await player.ask("POST", "/play/say", say, headers=plain))[0] == 400

    plays(scenario)


def test_over_http_the_server_is_reached_as_it_is() -> None:
    async def scenario() -> None:
        platforms, other = PlayedPlatforms(), PlayedPlatforms()
        async with aiohttp.ClientSession() as session, other.serve() as origin:
            platforms.connect(over_http(origin, session))
            said = await platforms.telegram.people.say("/imagine a kite")
        assert said.answer.status == 404
        assert platforms.ledger.violations == ["POST /chat/telegram was answered with 404"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: x; name=a\r\n\r\nx"),
        ("multipart/form-data; boundary=b", b"--c--\r\n"),
    ],
)
def test_a_broken_multipart_body_is_unreadable(kind: str, body: bytes) -> None:
    with pytest.raises(UnreadableError):
        parts_of(Request("POST", "/", headers={"content-type": kind}, body=body))


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a", b"\xff=1"])
def test_a_broken_form_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        form_of(Request("POST", "/", body=body))
