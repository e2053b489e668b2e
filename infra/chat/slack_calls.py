"""The calls to Slack: the Web API, uploads, and ``response_url``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from infra.chat.adapter import ChatCall, ChatHttp, FilePart
from infra.chat.slack_errors import INVALID_BLOCKS, TOO_LONG, UNREACHED, Meaning, Said, said_of
from schemas.chat import MessageRef
from schemas.chat_errors import ChatUnreachableError
from schemas.chat_view import ViewPicture

_HOOKS: Final = "hooks.slack.com"
_FAMILY: Final = ".slack.com"
_NO_ADDRESS: Final = Said(Meaning.REFUSED, error="upload_url_refused")


class SlackCalls:
    """Makes one app's calls, and says what each answer means. Nothing is tried again.

    Args:
        base: Of the Web API: ``https://slack.com/api``.
        token: The bot's.
    """

    def __init__(self, base: str, token: str) -> None:
        self._base: Final = base.rstrip("/")
        self._headers: Final = {"Authorization": f"Bearer {token}"}

    def trusts(self, url: str) -> bool:
        """Return whether a ``response_url`` leads to Slack, or to the configured base."""
        return self._within(url, frozenset({_HOOKS}))

    async def post(
        self, http: ChatHttp, ref: MessageRef, message: Mapping[str, Any], channel: str
    ) -> Said:
        """Post a new message into a channel, or to a user by their id."""
        body = {"channel": channel, **message, **_UNREAD, **_PLAIN}
        if ref.thread is not None and channel == ref.channel:
            body["thread_ts"] = ref.thread
        return await self._method(http, "chat.postMessage", body)

    async def update(self, http: ChatHttp, ref: MessageRef, message: Mapping[str, Any]) -> Said:
        """Give a message another form."""
        body = {"channel": ref.channel, "ts": ref.message, **message, **_UNREAD}
        return await self._method(http, "chat.update", body)

    async def whisper(
        self, http: ChatHttp, ref: MessageRef, user: str, message: Mapping[str, Any]
    ) -> Said:
        """Post a message into a channel that one user alone sees."""
        body = {"channel": ref.channel, "user": user, **message, **_UNREAD}
        if ref.thread is not None:
            body["thread_ts"] = ref.thread
        return await self._method(http, "chat.postEphemeral", body)

    async def respond(self, http: ChatHttp, url: str, message: Mapping[str, Any]) -> Said:
        """Post to a ``response_url``, which is a secret by itself: no token goes with it."""
        if not self.trusts(url):
            return Said(Meaning.ELSEWHERE)
        said = await _sent(http, ChatCall("POST", url, "response_url", body=message))
        # Its words for an end are many; what is wrong with the message itself has few.
        ended = said.status in _ENDED and said.error not in _OF_THE_MESSAGE
        if ended and (said.meaning is Meaning.REFUSED or said.error is None):
            return replace(said, meaning=Meaning.ELSEWHERE)
        return said

    async def upload(self, http: ChatHttp, pictures: Sequence[ViewPicture]) -> Said:
        """Upload pictures, for the bot alone until a message shows them.

        Returns:
            What stopped it; if nothing did, ``told["ids"]`` are the files', in order.
        """
        ids: list[str] = []
        for picture in pictures:
            form = {"filename": picture.name, "length": str(len(picture.data))}
            said = await self._form(http, "files.getUploadURLExternal", form)
            if said.meaning is not Meaning.DONE:
                return said
            said = await self._bytes(http, said.told.get("upload_url"), said, picture)
            if said.meaning is not Meaning.DONE:
                return said
            ids.append(str(said.told["file_id"]))
        files = [{"id": one, "title": two.name} for one, two in zip(ids, pictures, strict=True)]
        form = {"files": orjson.dumps(files).decode()}
        said = await self._form(http, "files.completeUploadExternal", form)
        if said.meaning is not Meaning.DONE:
            return said
        return Said(Meaning.DONE, said.status, told={"ids": ids})

    async def _bytes(
        self, http: ChatHttp, url: object, ticket: Said, picture: ViewPicture
    ) -> Said:
        """Send a picture to where its ticket says; return the ticket, if that was taken."""
        if not isinstance(url, str) or not self._within(url):
            return _NO_ADDRESS
        if not isinstance(ticket.told.get("file_id"), str):
            return _NO_ADDRESS
        raw = FilePart("file", picture.name, "application/octet-stream", picture.data)
        said = await _sent(http, ChatCall("POST", url, "upload", raw=raw))
        # Its answer is no JSON: "OK - 12345".
        if said.status in _REFUSALS and said.error is None:
            said = replace(said, meaning=Meaning.REFUSED)
        return ticket if said.status == _OK else said

    async def _method(self, http: ChatHttp, method: str, body: Mapping[str, Any]) -> Said:
        url = f"{self._base}/{method}"
        return await _sent(
            http, ChatCall("POST", url, method, body=body, headers=self._headers)
        )

    async def _form(self, http: ChatHttp, method: str, form: Mapping[str, str]) -> Said:
        # The files methods read forms; JSON is not among what they document.
        url = f"{self._base}/{method}"
        return await _sent(
            http, ChatCall("POST", url, method, form=form, headers=self._headers)
        )

    def _within(self, url: str, hosts: frozenset[str] | None = None) -> bool:
        """Return whether a URL is the base's, or https and Slack's: one of ``hosts``."""
        try:
            parts, base = urlsplit(url), urlsplit(self._base)
            port = parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.hostname is None or not _printable(url):
            return False
        if (parts.scheme, parts.hostname, port) == (base.scheme, base.hostname, base.port):
            return True
        ours = parts.hostname.endswith(_FAMILY) if hosts is None else parts.hostname in hosts
        return parts.scheme == "https" and port in {None, 443} and ours


def _printable(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url and "\\" not in url


async def _sent(http: ChatHttp, call: ChatCall) -> Said:
    try:
        return said_of(await http.send(call))
    except ChatUnreachableError:
        return UNREACHED


_OK: Final = 200
_OF_THE_MESSAGE: Final = TOO_LONG | {INVALID_BLOCKS}
# Of an upload, but for 429.
_REFUSALS: Final = frozenset(range(400, 500)) - {429}
_ENDED: Final = frozenset({403, 404, 410})
# Slack looks for no names and channels in the text.
_UNREAD: Final[Mapping[str, Any]] = {"parse": "none", "link_names": False}
_PLAIN: Final[Mapping[str, Any]] = {
    "mrkdwn": False,
    "unfurl_links": False,
    "unfurl_media": False,
}
