"""Discord: interactions over HTTP come in; messages go out by their tokens, or as the bot."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from infra.chat.adapter import ChatCall, ChatHttp, Fate, SendResult
from infra.chat.discord_answers import interaction_answer, is_public
from infra.chat.discord_calls import DiscordCalls
from infra.chat.discord_inbound import interaction_of, verify_signature
from infra.chat.discord_ladder import NO_WAY, Rung, decide, made_id, standing
from infra.chat.discord_view import (
    LIMITS,
    buttons_body,
    digest_of,
    notice_body,
    view_body,
    with_pictures,
)
from infra.settings import Settings
from schemas.chat import MessageRef, Platform
from schemas.chat_errors import ChatUnreachableError
from schemas.chat_inbound import Command, Inbound, Press
from schemas.chat_view import (
    ChatAnswer,
    ChatLimits,
    ChatStatus,
    Defer,
    Mark,
    Notice,
    Reply,
    Show,
    Tell,
    Tone,
    View,
)
from schemas.errors import SettingsError

_NOT_MADE: Final = Notice(
    "Not queued", "The one who asked for it got a private note that says why.", Tone.WARNING
)
_YOUNG_PAUSE: Final = 0.5
_MOST_NONCE: Final = 25


class DiscordAdapter:
    """One Discord application and its bot.

    Args:
        settings: ``discord_*``.

    Raises:
        SettingsError: There is no bot, its public key is none, or its token cannot stand in a
            header.
    """

    def __init__(self, settings: Settings) -> None:
        token = settings.discord_bot_token
        application, key = settings.discord_application_id, settings.discord_public_key
        if token is None or application is None or key is None:
            raise SettingsError("GENQ_DISCORD_BOT_TOKEN: no bot of Discord is configured")
        secret = token.get_secret_value().strip()
        if not (secret.isascii() and secret.isprintable()):
            raise SettingsError("GENQ_DISCORD_BOT_TOKEN: it cannot stand in a header")
        try:
            self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        except ValueError:
            raise SettingsError("GENQ_DISCORD_PUBLIC_KEY: it is no ed25519 key") from None
        self._calls: Final = DiscordCalls(settings.discord_url.rstrip("/"), application, secret)

    @property
    def platform(self) -> Platform:
        """Which one."""
        return Platform.DISCORD

    @property
    def limits(self) -> ChatLimits:
        """What it allows; lengths in UTF-16 code units."""
        return LIMITS

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Let nothing pass that Discord did not sign within five minutes.

        Raises:
            ChatUnauthorizedError: It is not signed, or its time is not of this moment.
        """
        verify_signature(self._key, headers, body, now)

    def parse(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 - all is in the body
        body: bytes,
        now: datetime,
    ) -> Inbound:
        """Return what was asked; of a verified request alone.

        Raises:
            ChatUnreadableError: It is not what Discord documents.
        """
        return interaction_of(body, now)

    def answer(self, heard: Inbound, reply: Reply | None) -> ChatAnswer:
        """Return the answer to an interaction: always 200, always told."""
        return ChatAnswer(HTTPStatus.OK, orjson.dumps(interaction_answer(heard, reply)))

    def posts(self, ref: MessageRef, view: View) -> bool:
        """Return whether the next step of ``send`` makes a new message."""
        if ref.rung == Rung.TOKEN:
            return not ref.original and ref.message is None
        return ref.rung >= Rung.REPLY and view.status.final

    def digest(
        self,
        ref: MessageRef,  # noqa: ARG002 - it looks the same on every rung
        view: View,
    ) -> bytes:
        """Return a digest of what would be shown: 32 bytes."""
        return digest_of(view)

    async def send(
        self, ref: MessageRef, view: View, http: ChatHttp, *, now: datetime, nonce: str
    ) -> SendResult:
        """Take one step on the ladder (``infra/chat/discord_ladder.py``); at most 7 in all.

        Once the message is out of reach, a new one is made for a final view alone: nobody is
        pinged for progress. A new message is never made in its final form: Discord knows a
        nonce for some minutes only, and one of a token not at all. So a lost answer can leave
        a second waiting form there, but no second result.
        """
        stood = standing(ref, now)
        if stood != ref:
            return SendResult(Fate.NEXT, stood)
        if ref.rung >= Rung.REPLY and not view.status.final:
            return SendResult(Fate.TAKEN, ref)
        first = self.posts(ref, view) and view.status.final
        try:
            if ref.rung == Rung.DIRECT:
                result = await self._direct(ref, _first_form(view), http, now, nonce)
            else:
                call = self._call(ref, _first_form(view) if first else view, nonce)
                result = decide(ref, await http.send(call), now)
        except ChatUnreachableError as error:
            return SendResult(Fate.AGAIN, ref, detail=error.message)
        if first and result.fate is Fate.TAKEN:
            return replace(result, fate=Fate.NEXT)
        return result

    async def tell(self, heard: Command | Press, notice: Notice, http: ChatHttp) -> SendResult:
        """Say something to the one who asked, for their eyes alone.

        ``AGAIN`` with a pause: Discord has not seen the answer to the interaction yet. It is
        worth trying for 5 s.
        """
        return await self._by_token(
            heard, self._calls.follow_up(_token(heard), notice_body(notice)), http
        )

    async def finish_deferred(
        self, heard: Command | Press, reply: Reply, http: ChatHttp
    ) -> SendResult:
        """Put what became of a deferred request into the place of the deferred answer.

        ``AGAIN`` as in ``tell``.
        """
        match reply:
            case Tell(notice):
                return await self._finish_told(heard, notice, http)
            case Show(view):
                body, files = with_pictures(view_body(view), view)
                command = isinstance(heard, Command)
                make = self._calls.edit_original if command else self._calls.follow_up
                return await self._by_token(heard, make(_token(heard), body, files), http)
            case Mark(view) if view is not None:
                call = self._calls.edit_original(_token(heard), buttons_body(view))
                return await self._by_token(heard, call, http)
            case Mark() | Defer():
                return SendResult(Fate.TAKEN, heard.ref)

    async def _finish_told(
        self, heard: Command | Press, notice: Notice, http: ChatHttp
    ) -> SendResult:
        if isinstance(heard, Press):
            return await self.tell(heard, notice, http)
        public = is_public(heard)
        body = notice_body(_NOT_MADE if public else notice)
        # That it is private, or not, was settled as it was deferred.
        del body["flags"]
        call = self._calls.edit_original(_token(heard), body)
        result = await self._by_token(heard, call, http)
        if public and result.fate is Fate.TAKEN:
            # Only now: the first follow-up to a deferred answer would take its place.
            return await self.tell(heard, notice, http)
        return result

    async def _by_token(
        self, heard: Command | Press, call: ChatCall, http: ChatHttp
    ) -> SendResult:
        """Make a call that no other rung can stand in for."""
        try:
            answer = await http.send(call)
        except ChatUnreachableError as error:
            return SendResult(Fate.AGAIN, heard.ref, detail=error.message)
        result = decide(heard.ref, answer, heard.received_at)
        if result.fate is Fate.NEXT:
            return replace(result, fate=Fate.HOPELESS, ref=heard.ref, detail=NO_WAY)
        return result

    def _call(self, ref: MessageRef, view: View, nonce: str) -> ChatCall:
        body, files = with_pictures(view_body(view), view)
        if ref.rung == Rung.TOKEN and ref.token is not None:
            if ref.original:
                return self._calls.edit_original(ref.token, body, files)
            if ref.message is not None:
                return self._calls.edit_followup(ref.token, ref.message, body, files)
            return self._calls.follow_up(ref.token, body, files)
        if ref.rung == Rung.BOT and ref.message is not None:
            return self._calls.edit_message(ref.channel, ref.message, body, files)
        answered = ref.message or ref.reply_to
        return self._calls.post_message(ref.channel, _posted(body, nonce, answered), files)

    async def _direct(
        self, ref: MessageRef, view: View, http: ChatHttp, now: datetime, nonce: str
    ) -> SendResult:
        answer = await http.send(self._calls.open_direct(view.owner.id))
        refused = decide(ref, answer, now)
        if refused.fate is not Fate.TAKEN:
            return refused
        channel = made_id(answer)
        if channel is None:
            return SendResult(Fate.AGAIN, ref, status=answer.status)
        body, files = with_pictures(view_body(view), view)
        call = self._calls.post_message(channel, _posted(body, nonce, None), files)
        return decide(replace(ref, channel=channel), await http.send(call), now)


def _first_form(view: View) -> View:
    """Return what may stand there twice without harm."""
    return replace(
        view,
        status=ChatStatus.WAITING,
        position=None,
        starts_at=None,
        text=None,
        pictures=(),
        buttons=(),
        notice=None,
        link=None,
    )


def _posted(body: dict[str, Any], nonce: str, answered: str | None) -> dict[str, Any]:
    """Return the body of a new message that is made once, if it is asked for in good time."""
    short = nonce
    if len(nonce) > _MOST_NONCE:
        short = hashlib.sha256(nonce.encode()).hexdigest()[:_MOST_NONCE]
    made = {**body, "nonce": short, "enforce_nonce": True}
    if answered is None:
        return made
    return {
        **made,
        "message_reference": {"message_id": answered, "fail_if_not_exists": False},
        "allowed_mentions": {**body["allowed_mentions"], "replied_user": False},
    }


def _token(heard: Command | Press) -> str:
    """Return the interaction's own token; every interaction has one."""
    return heard.ref.token or ""
