"""Slack: slash commands and buttons in, messages of Block Kit out.

How Slack signs: docs.slack.dev/authentication/verifying-requests-from-slack.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson

from infra.chat.adapter import ChatHttp, Fate, SendResult
from infra.chat.slack_calls import SlackCalls
from infra.chat.slack_errors import Meaning
from infra.chat.slack_inbound import parse
from infra.chat.slack_moves import Move, next_move
from infra.chat.slack_steps import SlackStep, result_of
from infra.chat.slack_view import LIMITS, message_of, notice_of, pictures_digest
from infra.settings import Settings
from schemas.chat import MessageRef, Platform
from schemas.chat_errors import ChatUnauthorizedError
from schemas.chat_inbound import Command, Inbound, Ping, Press
from schemas.chat_view import ChatAnswer, ChatLimits, Notice, Reply, Tell, View

_TIMESTAMP: Final = "x-slack-request-timestamp"
_SIGNATURE: Final = "x-slack-signature"
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_SKEW: Final = 300
_EMPTY: Final = ChatAnswer(200, content_type="text/plain")
_RESTING: Final = b"resting"


class SlackAdapter:
    """Slack, for one app in the workspaces that installed it.

    Args:
        settings: With both of the app's secrets.
    """

    def __init__(self, settings: Settings) -> None:
        secret, token = settings.slack_signing_secret, settings.slack_bot_token
        if secret is None or token is None:
            raise ValueError("slack_signing_secret and slack_bot_token go together")
        self._secret: Final = secret.get_secret_value().encode()
        self._calls: Final = SlackCalls(settings.slack_url, token.get_secret_value())

    @property
    def platform(self) -> Platform:
        """Slack."""
        return Platform.SLACK

    @property
    def limits(self) -> ChatLimits:
        """What Slack allows; lengths count characters."""
        return LIMITS

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Let nothing pass that Slack did not sign within five minutes.

        Raises:
            ChatUnauthorizedError: The signature or its time is missing, odd or wrong.
        """
        told = headers.get(_TIMESTAMP, "")
        if _SECONDS.fullmatch(told) is None or abs(now.timestamp() - int(told)) > _SKEW:
            raise ChatUnauthorizedError(f"{_TIMESTAMP}: it is missing, or not of this moment")
        signed = b"v0:" + told.encode() + b":" + body
        wanted = "v0=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        given = headers.get(_SIGNATURE, "").encode("utf-8", "replace")
        # An empty secret would be one that everybody knows.
        if not self._secret or not hmac.compare_digest(given, wanted.encode()):
            raise ChatUnauthorizedError(f"{_SIGNATURE}: it is not that of this request")

    def parse(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - the body tells what it is
        body: bytes,
        now: datetime,
    ) -> Inbound:
        """Return what was asked; of a verified request alone.

        Raises:
            ChatUnreadableError: It is not what Slack documents.
        """
        return parse(body, now, self._calls.trusts)

    def answer(self, heard: Inbound, reply: Reply | None) -> ChatAnswer:
        """Return the answer to Slack's own request: empty, but for words about a command.

        A message is posted by the delivery process. Words about a button cannot be in it: Slack
        reads no answer to one. Nor can the message be drawn anew there, so no button is marked.
        """
        if isinstance(heard, Ping):
            if heard.challenge is None:
                return _EMPTY
            return ChatAnswer(200, orjson.dumps({"challenge": heard.challenge}))
        if not isinstance(reply, Tell):
            return _EMPTY
        if isinstance(heard, Command):
            body = {"response_type": "ephemeral", **notice_of(reply.notice)}
            return ChatAnswer(200, orjson.dumps(body))
        return replace(_EMPTY, told=False)

    def posts(self, ref: MessageRef, view: View) -> bool:
        """Return whether the next step of ``send`` makes a new message."""
        return next_move(ref, view) is Move.POST

    def digest(self, ref: MessageRef, view: View) -> bytes:
        """Return a digest of what would be shown: equal for what looks the same."""
        if next_move(ref, view) is Move.REST:
            return hashlib.sha256(_RESTING).digest()
        shown: dict[str, Any] = {"message": message_of(view), "final": view.status.final}
        if view.status.final:
            shown["pictures"] = pictures_digest(view)
            shown["alt"] = [
                hashlib.sha256(one.alt.encode()).hexdigest() for one in view.pictures
            ]
        return hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).digest()

    async def send(
        self,
        ref: MessageRef,
        view: View,
        http: ChatHttp,
        *,
        now: datetime,
        nonce: str,  # noqa: ARG002 - Slack knows no such thing
    ) -> SendResult:
        """Take one step to have the message show ``view``: make it, or edit it.

        A post is never a final form: Slack has no way to have one made once.
        """
        return await SlackStep(self._calls, http, ref, view, now).take()

    async def tell(self, heard: Command | Press, notice: Notice, http: ChatHttp) -> SendResult:
        """Say something to the one who asked, and to nobody else."""
        message, ref = notice_of(notice), heard.ref
        if ref.token is not None:
            body = {"response_type": "ephemeral", "replace_original": False, **message}
            said = await self._calls.respond(http, ref.token, body)
            ref = replace(ref, uses=ref.uses + 1)
            if said.meaning not in {Meaning.ELSEWHERE, Meaning.REFUSED}:
                return result_of(said, ref)
        return result_of(await self._calls.whisper(http, ref, heard.user.id, message), ref)

    async def finish_deferred(
        self, heard: Command | Press, reply: Reply, http: ChatHttp
    ) -> SendResult:
        """Say what became of a deferred request; what is shown, the delivery process posts."""
        if isinstance(reply, Tell):
            return await self.tell(heard, reply.notice, http)
        return SendResult(Fate.TAKEN, heard.ref)
