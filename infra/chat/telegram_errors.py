"""What Telegram's answers mean for a message. Pure.

The API has no codes beyond HTTP's: what happened stands in ``description``, in English. The
words are those of the server's source, github.com/tdlib/telegram-bot-api.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final, TypeGuard, cast

import orjson

from infra.chat.adapter import ChatHttpAnswer, Fate, SendResult
from schemas.chat import MessageRef

IS_TEXT: Final = 0
"""``MessageRef.rung``: the message has no picture."""
IS_PICTURE: Final = 1
HAS_DRAFT: Final = 2
"""Text, and beside it drafts were streamed, which stay until a new message comes."""

_PATIENCE: Final = 5.0
_LONGEST: Final = 86_400.0
# What something on the way may say in Telegram's place, and mean the same by it.
_PLAIN: Final = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS})
_SAID: Final = 160
# Telegram quotes what it refuses; what it quotes is content.
_QUOTES: Final = re.compile(r"(?<!\w)([\"']).*\1|\S+://\S*", re.DOTALL)
_AFTER: Final = re.compile(r"retry after (\d{1,6})")

# In the order in which they are looked for; each is a part of a description in lower case.
_GONE: Final = (
    "message to edit not found",
    "message can't be edited",
    "message to delete not found",
    "message_id_invalid",
    "message thread not found",
    "topic_deleted",
)
_LEFT: Final = (
    "chat not found",
    "peer_id_invalid",
    "chat_write_forbidden",
    "have no rights to send a message",
    "not enough rights to send text messages",
)
_FATES: Final[Mapping[int, Fate]] = {
    HTTPStatus.UNAUTHORIZED: Fate.STOPPED,
    HTTPStatus.FORBIDDEN: Fate.LEFT,
    HTTPStatus.TOO_MANY_REQUESTS: Fate.LIMITED,
}
_NOT_MODIFIED: Final = "message is not modified"
_NO_TEXT: Final = "there is no text in the message to edit"
_NO_CAPTION: Final = "there is no caption in the message to edit"
_TOO_BIG: Final = "too big"
# No picture of this kind, or none at all, is taken there, whatever the status: the bot has not
# left, and whoever sends it tries a smaller one, and then a link alone.
_NO_PICTURE: Final = re.compile(
    r"not enough rights to send (?:photo|media)|chat_send_photos_forbidden|media_forbidden"
    r"|photo_invalid_dimensions"
)
_NO_METHOD: Final = "method not found"


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, read.

    Attributes:
        status: As the body says it, or else HTTP's.
        words: The description; of whom it quotes is not known.
        result: Of a call that was taken.
        foreign: Not Telegram said it, but something on the way: it means nothing for the bot.
    """

    ok: bool
    status: int
    words: str = ""
    result: Any = None
    retry_after: float | None = None
    moved_to: int | None = None
    foreign: bool = False

    @property
    def message_id(self) -> str | None:
        """Return the number of the message that was made."""
        if not isinstance(self.result, dict):
            return None
        found = cast("dict[str, Any]", self.result).get("message_id")
        return str(found) if _is_number(found) else None


def read_answer(answer: ChatHttpAnswer) -> Said:
    """Return what was answered; whatever has no ``ok`` came from something on the way."""
    told = _object_of(answer.body)
    if "ok" not in told and answer.status not in _PLAIN:
        return Said(ok=False, status=answer.status, foreign=True)
    if told.get("ok") is True and answer.status < HTTPStatus.BAD_REQUEST:
        return Said(ok=True, status=answer.status, result=told.get("result"))
    more = told.get("parameters")
    parameters = cast("Mapping[str, Any]", more if isinstance(more, dict) else {})
    words, code = told.get("description"), told.get("error_code")
    words = words if isinstance(words, str) else ""
    moved = parameters.get("migrate_to_chat_id")
    return Said(
        ok=False,
        status=code if _is_number(code) else answer.status,
        words=words,
        retry_after=_retry_after(parameters, words, answer.headers),
        moved_to=moved if _is_number(moved) else None,
    )


def refused(said: Said, ref: MessageRef) -> SendResult:
    """Return what a refusal means for the message that ``ref`` reaches."""
    fate, after = _fate(said, ref)
    pause = said.retry_after or _PATIENCE if fate is Fate.LIMITED else 0.0
    detail = None if fate is Fate.TAKEN else _detail(said)
    return SendResult(fate, after, pause=pause, status=said.status, detail=detail)


def _fate(said: Said, ref: MessageRef) -> tuple[Fate, MessageRef]:
    words = said.words.lower()
    if said.moved_to is not None:
        # What stood in the old group cannot be edited any more.
        return Fate.NEXT, MessageRef(str(said.moved_to), limit=ref.limit)
    if said.status == HTTPStatus.BAD_REQUEST and not said.foreign:
        return _bad_request(words, ref)
    return _by_status(said, words), ref


def _by_status(said: Said, words: str) -> Fate:
    if said.foreign:
        return Fate.AGAIN
    if _NO_PICTURE.search(words):
        return Fate.HOPELESS
    if said.status == HTTPStatus.NOT_FOUND:
        # A token that is none has no path on the server; an old server lacks new methods.
        return Fate.HOPELESS if _NO_METHOD in words else Fate.STOPPED
    known = HTTPStatus.BAD_REQUEST < said.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return _FATES.get(said.status, Fate.HOPELESS if known else Fate.AGAIN)


def _bad_request(words: str, ref: MessageRef) -> tuple[Fate, MessageRef]:
    if _NOT_MODIFIED in words:
        return Fate.TAKEN, ref
    if _NO_TEXT in words and ref.rung != IS_PICTURE:
        return Fate.NEXT, replace(ref, rung=IS_PICTURE)
    if _NO_CAPTION in words and ref.rung != IS_TEXT:
        return Fate.NEXT, replace(ref, rung=IS_TEXT)
    if any(one in words for one in _GONE):
        return Fate.GONE, ref
    if any(one in words for one in _LEFT):
        return Fate.LEFT, ref
    return Fate.HOPELESS, ref


def _detail(said: Said) -> str:
    """Return what Telegram said, without what it quotes."""
    if said.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or _TOO_BIG in said.words.lower():
        return "too large"
    told = "".join(one for one in _QUOTES.sub("…", said.words) if one.isprintable())
    return told[:_SAID] or f"status {said.status}"


def _retry_after(
    parameters: Mapping[str, Any], words: str, headers: Mapping[str, str]
) -> float | None:
    told = _told_after(parameters, words, headers)
    return None if told is None else min(told, _LONGEST)


def _told_after(
    parameters: Mapping[str, Any], words: str, headers: Mapping[str, str]
) -> float | None:
    told = parameters.get("retry_after")
    if isinstance(told, int | float) and not isinstance(told, bool) and told > 0:
        return float(told)
    found = _AFTER.search(words)
    if found is not None:
        return float(found[1])
    header = headers.get("retry-after", "")
    return float(header) if header.isascii() and header.isdecimal() else None


def _object_of(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
