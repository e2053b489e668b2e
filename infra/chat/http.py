"""The way out to chat platforms: one request, one answer, within bounds, no secret let out."""

import io
from collections.abc import AsyncGenerator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

from infra.chat.adapter import ChatCall, ChatHttpAnswer, FilePart
from infra.http.opening import open_outbound, proxy_of
from infra.http.outbound_policy import policy_of
from infra.settings import Settings
from schemas.chat_errors import ChatUnreachableError

_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 5.0
# Of files on their way, in either direction: a slow line is no reason to give a result up.
_BYTES_A_SECOND: Final = 128 * 1024
_SMALL: Final = 1 << 20
_JSON: Final = "application/json"
# Slack hands out addresses below its own name: of answers, and of uploads.
_SLACK: Final = ".slack.com"


class AioChatHttp:
    """Sends calls over an aiohttp session. No URL appears in a log or in an error.

    Args:
        session: Open; who made it closes it.
        origins: Where calls may go, as ``scheme://host[:port]``; besides, Slack's own hosts
            over https.
        seconds: For a whole call, connecting included; files have a second more for each
            128 KiB.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        origins: Collection[str],
        seconds: float = _SECONDS,
    ) -> None:
        self._session: Final = session
        self._origins: Final = frozenset(URL(one).origin() for one in origins)
        self._seconds: Final = seconds

    async def send(self, call: ChatCall) -> ChatHttpAnswer:
        """Make one request; no redirect is followed, nothing is tried again.

        Raises:
            ChatUnreachableError: There is no whole answer: whether it arrived is unknown.
        """
        try:
            url = self._checked(call)
            data, content_type = _content(call)
            headers = {"Accept-Encoding": "identity", **call.headers}
            if content_type is not None:
                headers["Content-Type"] = content_type
            async with self._session.request(
                call.method,
                url,
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=self._seconds + seconds_of_files(call), sock_connect=_CONNECT_SECONDS
                ),
            ) as response:
                body = await _read(response, call)
                told = {name.lower(): value for name, value in response.headers.items()}
                return ChatHttpAnswer(response.status, told, body)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The error's own words may hold the URL.
            raise _unreachable(call, f"no answer ({type(error).__name__})") from None

    def _checked(self, call: ChatCall) -> URL:
        if not (call.url.isascii() and call.url.isprintable() and " " not in call.url):
            raise _unreachable(call, "its address is no URL")
        url = URL(call.url, encoded=True)
        if url.user is None and url.host:
            if url.origin() in self._origins:
                return url
            if url.scheme == "https" and url.port == _HTTPS and url.host.endswith(_SLACK):
                return url
        raise _unreachable(call, "its address is not the platform's")


def seconds_of_files(call: ChatCall) -> float:
    """Return how much longer than any other a call may take, for the files in it."""
    sent = sum(len(one.data) for one in call.files)
    sent += 0 if call.raw is None else len(call.raw.data)
    fetched = call.most if call.most > _SMALL else 0
    return (sent + fetched) / _BYTES_A_SECOND


@asynccontextmanager
async def open_chat_http(settings: Settings) -> AsyncGenerator[AioChatHttp]:
    """Open a session of its own to the configured platforms, and close it.

    Their addresses are the operator's choice, so no policy judges them; with a forward proxy,
    everything goes through it.

    Raises:
        SettingsError: The proxy's library is not installed.
    """
    async with AsyncExitStack() as closing:
        proxy = proxy_of(settings)
        if proxy is None:
            session = await closing.enter_async_context(
                aiohttp.ClientSession(
                    # Who sends has bounds of its own: a platform that hangs takes no
                    # connection from the others, and nobody waits for one.
                    connector=aiohttp.TCPConnector(limit=0),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                )
            )
        else:
            opened = open_outbound(policy_of(settings), proxy=proxy)
            session = (await closing.enter_async_context(opened)).session
        yield AioChatHttp(session, origins=origins_of(settings))


def origins_of(settings: Settings) -> tuple[str, ...]:
    """Return the addresses of the platforms, as they are configured."""
    return (settings.discord_url, settings.slack_url, settings.telegram_url)


_HTTPS: Final = 443


def _content(call: ChatCall) -> tuple[Any, str | None]:
    """Return what aiohttp is to send, and its type where aiohttp does not know it."""
    if call.raw is not None:
        return io.BytesIO(call.raw.data), call.raw.media_type
    if call.files:
        return _multipart(call), None
    if call.form is not None:
        return aiohttp.FormData(dict(call.form)), None
    if call.body is not None:
        return io.BytesIO(orjson.dumps(call.body)), _JSON
    return None, None


def _multipart(call: ChatCall) -> aiohttp.FormData:
    parts = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    if call.body is not None:
        told = orjson.dumps(call.body).decode()
        parts.add_field("payload_json", told, content_type=_JSON)
    for name, value in (call.form or {}).items():
        parts.add_field(name, value)
    for one in call.files:
        _add_file(parts, one)
    return parts


def _add_file(parts: aiohttp.FormData, one: FilePart) -> None:
    parts.add_field(
        one.part, io.BytesIO(one.data), filename=one.name, content_type=one.media_type
    )


async def _read(response: aiohttp.ClientResponse, call: ChatCall) -> bytes:
    taken = bytearray()
    async for piece in response.content.iter_any():
        taken += piece
        if len(taken) > call.most:
            raise _unreachable(call, "the answer is too long")
    return bytes(taken)


def _unreachable(call: ChatCall, why: str) -> ChatUnreachableError:
    return ChatUnreachableError(f"{call.bucket}: {why}")
