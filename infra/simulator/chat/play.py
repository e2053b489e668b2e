"""The control API under ``/play``: somebody at this machine acts as a user, and watches.

It answers to this machine alone, and to no page of a browser: bodies must be JSON or a picture,
which a foreign page may not send without asking, and it is never allowed.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import web

from infra.simulator.chat.acting import NobodyListensError, Said
from infra.simulator.chat.calling import over_http
from infra.simulator.chat.messages import Message, Picture
from infra.simulator.chat.platforms import ChatPlatforms
from infra.simulator.chat.wire import UnreadableError, listed, object_of, read_json

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LONGEST_WAIT: Final = 60.0
_SAID: Final = {"platform", "text", "user", "channel", "options", "pictures", "reply_to"}
_PRESSED: Final = {"platform", "message", "channel", "button", "user", "forged"}


class WrongError(Exception):
    """What was asked of ``/play`` cannot be done; it is answered with 400."""


class Play:
    """Acts for whoever plays.

    Args:
        platforms: What is played.
        session: Calls the bot's server.
        usual: The platform that is meant where none is named.
    """

    def __init__(
        self, platforms: ChatPlatforms, session: aiohttp.ClientSession, usual: str
    ) -> None:
        self._platforms: Final = platforms
        self._session: Final = session
        self._usual: Final = usual
        self._uploads: dict[str, Picture] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/play", self._guarded(self._state)),
            web.put("/play/api", self._guarded(self._connect)),
            web.post("/play/say", self._guarded(self._say)),
            web.post("/play/press", self._guarded(self._press)),
            web.post("/play/upload", self._guarded(self._upload)),
            web.get("/play/messages", self._guarded(self._messages)),
            web.get("/play/picture/{id}", self._guarded(self._picture)),
        ]

    def connect(self, api: str) -> None:
        """Send what people do to this server: ``http://127.0.0.1:8000``."""
        self._platforms.connect(over_http(api.rstrip("/"), self._session))

    def _guarded(self, respond: Respond) -> Respond:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if request.url.host not in _HOSTS:
                return _wrong("this answers to 127.0.0.1 alone", 403)
            try:
                return await respond(request)
            except (WrongError, UnreadableError) as error:
                return _wrong(str(error), 400)
            except LookupError as error:
                return _wrong(str(error.args[0]), 404)
            except NobodyListensError as error:
                return _wrong(f"{error}: PUT /play/api", 409)
            except aiohttp.ClientError as error:
                return _wrong(f"the bot's server did not answer: {error}", 502)

        return guarded

    async def _state(self, request: web.Request) -> web.StreamResponse:
        del request
        ledger = self._platforms.ledger
        return _json(
            {
                "platform": self._usual,
                "url": self._platforms.url,
                "requests": len(ledger.requests),
                "violations": ledger.violations,
            }
        )

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        api = (await _body(request, {"url"})).get("url")
        if not isinstance(api, str) or not api.startswith(("http://", "https://")):
            raise WrongError("url: where the bot's server is, http://host:port")
        self.connect(api)
        return _json({"connected": api})

    async def _say(self, request: web.Request) -> web.StreamResponse:
        told = await _body(request, _SAID)
        name, platform = self._platform(told)
        if not isinstance(told.get("text"), str) or not told["text"].strip():
            raise WrongError("text: what is said")
        pictures = [self._uploaded(one) for one in listed(told, "pictures")]
        more: dict[str, Any] = {}
        if told.get("user"):
            more["user"] = _named(name, told, "user")
        if told.get("channel"):
            place = "chat" if name == "telegram" else "channel"
            more[place] = _named(name, told, "channel")
        if name == "discord":
            more |= {"options": told.get("options"), "pictures": pictures}
        elif name == "telegram" and pictures:
            more["picture"] = pictures[0]
        elif pictures:
            raise WrongError("pictures: a command of Slack takes links, not files")
        return _json(self._said(name, await platform.people.say(told["text"], **more)))

    async def _press(self, request: web.Request) -> web.StreamResponse:
        told = await _body(request, _PRESSED)
        name, platform = self._platform(told)
        sought = str(told.get("message"))
        found = [
            one
            for one in platform.board.messages.values()
            if one.id == sought and told.get("channel") in {None, one.channel}
        ]
        if not found:
            raise LookupError(f"no message {sought}")
        more: dict[str, Any] = {"forged": bool(told.get("forged"))}
        if told.get("user"):
            more["user"] = _named(name, told, "user")
        pressed = await platform.people.press(found[0], str(told.get("button")), **more)
        said = self._said(name, pressed)
        if name == "telegram":
            answered = self._platforms.telegram.people.told(pressed) or {}
            said["notice"] = answered.get("text")
        return _json(said)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if not request.content_type.startswith("image/"):
            raise WrongError("Content-Type: of a picture, image/…")
        name, _ = self._platform(dict(request.query))
        people = (
            self._platforms.telegram.people
            if name == "telegram"
            else self._platforms.discord.people
        )
        file_name = request.query.get("name", "picture")
        made = people.upload(file_name, request.content_type, await request.read())
        self._uploads[made.id] = made
        return _json({"id": made.id, "url": self._url_of(made)})

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        """Answer as soon as something changed after ``after``, or ``wait`` seconds are over."""
        name, platform = self._platform(dict(request.query))
        try:
            after = int(request.query.get("after", "0"))
            wait = min(float(request.query.get("wait", "0")), _LONGEST_WAIT)
        except ValueError:
            raise WrongError("after, wait: numbers") from None
        board = platform.board
        if len(board.changes) <= after and wait > 0:
            try:
                await board.wait(lambda: len(board.changes) > after, "no change", wait)
            except TimeoutError:
                return _json({"last": after, "messages": []})
        changed = {id(one.message): one.message for one in board.changes[max(0, after) :]}
        shown = [self._message(name, one) for one in changed.values()]
        return _json({"last": max(after, len(board.changes)), "messages": shown})

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        sought = request.match_info["id"]
        found = self._uploads.get(sought)
        for platform in self._platforms.all.values():
            for message in platform.board.messages.values():
                shown = (one for form in message.forms for one in form.pictures)
                found = found or next((one for one in shown if one.id == sought), None)
        if found is None:
            raise LookupError(f"no picture {sought}")
        return web.Response(body=found.data, content_type=found.media_type)

    def _platform(self, told: Mapping[str, Any]) -> tuple[str, Any]:
        name = str(told.get("platform") or self._usual)
        platform = self._platforms.all.get(name)
        if platform is None:
            raise WrongError(f"platform: one of {', '.join(self._platforms.all)}")
        return name, platform

    def _uploaded(self, picture_id: object) -> Picture:
        found = self._uploads.get(str(picture_id))
        if found is None:
            raise LookupError(f"no upload {picture_id}: POST /play/upload first")
        return found

    def _said(self, name: str, said: Said) -> dict[str, Any]:
        shown = None if said.message is None else self._message(name, said.message)
        return {
            "status": said.answer.status,
            "seconds": round(said.seconds, 4),
            "message": shown,
        }

    def _message(self, name: str, message: Message) -> dict[str, Any]:
        return {
            "platform": name,
            "id": message.id,
            "channel": message.channel,
            "author": message.author,
            "text": message.text,
            "pending": message.pending,
            "private_to": message.private_to,
            "edited": message.edits,
            "deleted": message.deleted,
            "reply_to": message.reply_to,
            "buttons": [
                {
                    "label": one.label,
                    "id": one.id,
                    "row": one.row,
                    "style": one.style,
                    "disabled": one.disabled,
                    "url": one.url,
                }
                for one in message.buttons
            ],
            "pictures": [
                {
                    "id": one.id,
                    "name": one.name,
                    "media_type": one.media_type,
                    "alt": one.alt,
                    "url": self._url_of(one),
                }
                for one in message.pictures
            ],
        }

    def _url_of(self, picture: Picture) -> str:
        return f"{self._platforms.url}/play/picture/{picture.id}"


async def _body(request: web.Request, known: set[str]) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise WrongError("Content-Type: application/json")
    told = object_of(read_json(await request.read()))
    if told is None or told.keys() - known:
        raise WrongError(f"a JSON object of {', '.join(sorted(known))}")
    return told


def _named(platform: str, told: Mapping[str, Any], field: str) -> int | str:
    """Return a user or a channel as the platform numbers them."""
    value = str(told[field])
    if platform != "telegram":
        return value
    try:
        return int(value)
    except ValueError:
        raise WrongError(f"{field}: a number; Telegram knows no other") from None


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def _wrong(message: str, status: int) -> web.Response:
    body = orjson.dumps({"error": message})
    return web.Response(status=status, body=body, content_type="application/json")
