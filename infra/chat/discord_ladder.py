"""Which way a message is reached, and what an answer means for it. Pure.

An interaction's token lives for 15 minutes, and pictures take longer. So there are four rungs,
each tried when the one before it has failed for good: the token; the bot's own token; a new
message that answers the first; a direct message. The last two post a first form, which is then
edited from the second rung. No rung makes a message twice: ``MessageRef.uses`` is the one that
did.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import IntEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, cast

import orjson

from infra.chat import discord_errors as errors
from infra.chat.adapter import ChatHttpAnswer, Fate, SendResult
from infra.chat.discord_errors import Said, pause_after, pause_of_limit, said_of
from infra.chat.discord_inbound import TOKEN_LIFE
from schemas.chat import MessageRef


class Rung(IntEnum):
    """``MessageRef.rung`` of a Discord message."""

    TOKEN = 0
    BOT = 1
    REPLY = 2
    DIRECT = 3


NO_WAY: Final = "no way to the user is left"
_TOO_LARGE: Final = "too large"
# Our answer may be faster at the delivery process than at Discord.
_YOUNG_SECONDS: Final = 5.0
_YOUNG_PAUSES: Final = ((1.0, 0.5), (2.0, 1.0))
_YOUNG_PAUSE: Final = 2.0
# Not Discord speaks but what stands before it: it bans addresses, and would again.
_BANNED_SECONDS: Final = 60.0
_OPENING_SECONDS: Final = 60.0
_GOOD: Final = range(200, 300)
_BROKEN: Final = range(500, 600)
_INVALID: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Of the bot's own token, by Discord's code. NEXT: it is there, but may not do just this.
_FATES: Final[Mapping[int, Fate]] = MappingProxyType(
    {
        errors.OPENS_TOO_MANY: Fate.AGAIN,
        errors.UNKNOWN_MESSAGE: Fate.GONE,
        errors.UNKNOWN_GUILD: Fate.LEFT,
        errors.BANNED: Fate.LEFT,
        errors.UNKNOWN_CHANNEL: Fate.NEXT,
        errors.NO_ACCESS: Fate.NEXT,
        errors.NO_PERMISSION: Fate.NEXT,
        errors.NOT_THE_AUTHOR: Fate.NEXT,
        errors.NOT_TO_THIS_USER: Fate.NEXT,
        errors.ARCHIVED: Fate.NEXT,
        errors.MANY_OLD_EDITS: Fate.NEXT,
    }
)
_FATES_BY_STATUS: Final[Mapping[int, Fate]] = MappingProxyType(
    {HTTPStatus.FORBIDDEN: Fate.LEFT, HTTPStatus.NOT_FOUND: Fate.NEXT}
)
# Of a token: it serves no more, or never did.
_SPENT: Final = frozenset(
    {errors.INVALID_TOKEN, errors.ACKNOWLEDGED, errors.ARCHIVED, errors.MANY_OLD_EDITS}
)


def standing(ref: MessageRef, now: datetime) -> MessageRef:
    """Return ``ref`` on the first rung from its own on that can be tried at all."""
    if ref.rung == Rung.TOKEN and (
        ref.token is None or ref.token_until is None or now >= ref.token_until
    ):
        ref = replace(ref, rung=Rung.BOT, token=None, token_until=None)
    if ref.rung == Rung.BOT and ref.message is None:
        ref = replace(ref, rung=Rung.REPLY)
    return ref


def above(ref: MessageRef) -> MessageRef | None:
    """Return ``ref`` a rung higher; ``None``: there is none."""
    highest = max(ref.rung, ref.uses)
    if highest >= Rung.DIRECT:
        return None
    # A token that failed is not kept: its address is never called again.
    return replace(ref, rung=highest + 1, token=None, token_until=None)


def decide(ref: MessageRef, answer: ChatHttpAnswer, now: datetime) -> SendResult:
    """Return what an answer means for a message that was reached for on ``ref.rung``."""
    if answer.status in _GOOD:
        return taken(ref, answer)
    said = said_of(answer)
    common = _anywhere(ref, answer, said)
    if common is not None:
        return common
    on_token = ref.rung == Rung.TOKEN
    result = _of_token(ref, answer, said, now) if on_token else _of_bot(ref, answer, said)
    return replace(
        result,
        status=answer.status,
        invalid=answer.status in _INVALID,
        detail=result.detail or said.detail or None,
    )


def taken(ref: MessageRef, answer: ChatHttpAnswer) -> SendResult:
    """Return what became of a message that Discord took: it knows its own id now.

    An answer that names none is not Discord's, or is of no use: what was asked is asked again,
    while the nonce of a new message still guards it.
    """
    pause = pause_after(answer)
    message = made_id(answer)
    if message is None:
        return SendResult(Fate.AGAIN, ref, status=answer.status, detail="no message id")
    ref = replace(ref, message=message)
    if ref.rung >= Rung.REPLY:
        # A new message: from now on it is the one.
        ref = replace(ref, rung=Rung.BOT, uses=ref.rung, original=False, reply_to=None)
    return SendResult(Fate.TAKEN, ref, pause=pause, status=answer.status)


def made_id(answer: ChatHttpAnswer) -> str | None:
    """Return the id of what was made, or edited, or opened; ``None``: the answer has none."""
    try:
        read: Any = orjson.loads(answer.body)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    number = cast("dict[str, Any]", read).get("id")
    known = isinstance(number, str) and number.isascii() and number.isdigit()
    return cast("str", number) if known else None


def young_pause(ref: MessageRef, now: datetime) -> float | None:
    """Return how long to wait for Discord to see our answer; ``None``: it had its time."""
    if ref.token_until is None:
        return None
    age = (now - (ref.token_until - TOKEN_LIFE)).total_seconds()
    if age >= _YOUNG_SECONDS:
        return None
    return next((pause for until, pause in _YOUNG_PAUSES if age < until), _YOUNG_PAUSE)


def _anywhere(ref: MessageRef, answer: ChatHttpAnswer, said: Said) -> SendResult | None:
    """Return what an answer means on every rung alike."""
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        shared = answer.headers.get("x-ratelimit-scope") == "shared"
        return SendResult(
            Fate.LIMITED,
            ref,
            pause=pause_of_limit(answer, said),
            of_bot=said.of_bot or not said.json,
            invalid=not shared,
            status=status,
        )
    if status in _BROKEN or status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}:
        return SendResult(Fate.AGAIN, ref, status=status)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or said.code == errors.TOO_LARGE:
        return SendResult(Fate.HOPELESS, ref, status=status, detail=_TOO_LARGE)
    if said.json:
        return None
    if status == HTTPStatus.FORBIDDEN:
        pause = _BANNED_SECONDS
        return SendResult(
            Fate.AGAIN, ref, pause=pause, of_bot=True, invalid=True, status=status
        )
    # A proxy's own 401 or 404 says nothing about our tokens and messages.
    return SendResult(Fate.AGAIN, ref, invalid=status in _INVALID, status=status)


def _of_token(ref: MessageRef, answer: ChatHttpAnswer, said: Said, now: datetime) -> SendResult:
    status = answer.status
    if status == HTTPStatus.NOT_FOUND:
        pause = young_pause(ref, now)
        if pause is not None:
            return SendResult(Fate.AGAIN, ref, pause=pause)
        if said.code == errors.UNKNOWN_MESSAGE:
            return SendResult(Fate.GONE, ref)
        return _up(ref)
    if status in _INVALID or said.code in _SPENT:
        return _up(ref)
    return SendResult(Fate.HOPELESS, ref)


def _of_bot(ref: MessageRef, answer: ChatHttpAnswer, said: Said) -> SendResult:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return SendResult(Fate.STOPPED, ref)
    if said.code == errors.NO_HISTORY and ref.rung == Rung.REPLY:
        # It may write there, but not answer a message.
        return SendResult(Fate.NEXT, replace(ref, message=None, reply_to=None))
    by_status = _FATES_BY_STATUS.get(answer.status, Fate.HOPELESS)
    fate = _FATES.get(said.code, by_status)
    if fate is Fate.NEXT or (ref.rung == Rung.DIRECT and fate in {Fate.LEFT, Fate.GONE}):
        return _up(ref)
    return SendResult(fate, ref, pause=_OPENING_SECONDS if fate is Fate.AGAIN else 0.0)


def _up(ref: MessageRef) -> SendResult:
    higher = above(ref)
    if higher is None:
        return SendResult(Fate.HOPELESS, ref, detail=NO_WAY)
    return SendResult(Fate.NEXT, higher)
