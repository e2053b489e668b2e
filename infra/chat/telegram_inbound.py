"""Telegram's updates: which are commands and presses, and of whom. Pure.

https://core.telegram.org/bots/api#update. An update that is not ours is ``Ignored``: Telegram
repeats what is not answered 200, so only what is no update at all is an error.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeGuard, cast

import orjson

from schemas.chat import ChatAction, ChatUser, MessageRef, Place, Platform
from schemas.chat_errors import ChatUnreadableError
from schemas.chat_inbound import Attached, Command, Ignored, Inbound, Press

_COMMAND: Final = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+|\Z)")
_PRIVATE: Final = "private"
_CHATS: Final = frozenset({_PRIVATE, "group", "supergroup"})
_PICTURE: Final = "image/"
_PHOTO: Final = "image/jpeg"

_Json = Mapping[str, Any]
_NOTHING: Final[_Json] = {}


def parse_update(body: bytes, now: datetime, bot_name: str | None) -> Inbound:
    """Return what an update asks for.

    Args:
        body: As it came.
        now: Aware.
        bot_name: Without ``@``; commands for another bot are left alone. ``None``: it is not
            known, and a command for any name is taken.

    Raises:
        ChatUnreadableError: It is no update.
    """
    update = _object_of(body)
    number = update.get("update_id")
    if not _is_id(number):
        raise ChatUnreadableError("update_id: no number")
    if "message" in update:
        return _message(_part(update, "message"), str(number), now, bot_name)
    if "callback_query" in update:
        return _press(_part(update, "callback_query"), str(number), now)
    return Ignored("neither a message nor a button")


def is_private(channel: str) -> bool:
    """Return whether a chat is one of a person and the bot: groups have negative ids."""
    return not channel.startswith("-")


def _object_of(body: bytes) -> _Json:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ChatUnreadableError("the body is no JSON") from None
    if not isinstance(found, dict):
        raise ChatUnreadableError("the body is no object")
    return cast("_Json", found)


def _message(message: _Json, number: str, now: datetime, bot_name: str | None) -> Inbound:
    words = message.get("text", message.get("caption"))
    found = _COMMAND.match(words) if isinstance(words, str) else None
    if found is None or not isinstance(words, str):
        return Ignored("no command")
    name, addressed = found.groups()
    if addressed and bot_name and addressed.lower() != bot_name.lower():
        return Ignored("a command for another bot")
    user, place = _user(message), _place(message)
    if user is None or place is None or not _is_id(message.get("message_id")):
        return Ignored("not said by a person in a chat")
    return Command(
        platform=Platform.TELEGRAM,
        dedupe_key=number,
        user=user,
        place=place,
        ref=_ref(place, message["message_id"]),
        received_at=now,
        name=name.lower(),
        text=words[found.end() :].strip(),
        pictures=tuple(_pictures(message)),
    )


def _press(query: _Json, number: str, now: datetime) -> Inbound:
    # An old message is told by its chat and number alone; one of inline mode not at all.
    message = _part(query, "message")
    user, place = _user(query), _place(message)
    callback, data, on = query.get("id"), query.get("data"), message.get("message_id")
    if user is None or place is None or not _is_id(on):
        return Ignored("a button on no message of ours")
    if not isinstance(callback, str) or not isinstance(data, str):
        return Ignored("no button of ours")
    return Press(
        platform=Platform.TELEGRAM,
        dedupe_key=number,
        user=user,
        place=place,
        ref=_ref(place, on),
        received_at=now,
        action=ChatAction.parse(data),
        pressed=MessageRef(place.channel, message=str(on), thread=place.thread),
        callback_id=callback,
    )


def _ref(place: Place, said: int) -> MessageRef:
    return MessageRef(place.channel, reply_to=str(said), thread=place.thread)


def _user(said: _Json) -> ChatUser | None:
    """Return the person; a channel, an anonymous administrator and a bot are none."""
    user = _part(said, "from")
    if not _is_id(user.get("id")) or user.get("is_bot") is not False:
        return None
    name = user.get("first_name")
    return ChatUser(str(user["id"]), name if isinstance(name, str) else "")


def _place(message: _Json) -> Place | None:
    chat = _part(message, "chat")
    kind = chat.get("type")
    if not isinstance(kind, str) or kind not in _CHATS or not _is_id(chat.get("id")):
        return None
    channel = str(chat["id"])
    private = kind == _PRIVATE
    thread = message.get("message_thread_id") if message.get("is_topic_message") else None
    return Place(
        id="" if private else channel,
        channel=channel,
        private=private,
        thread=str(thread) if _is_id(thread) else None,
    )


def _pictures(message: _Json) -> Iterator[Attached]:
    """Yield the picture of the command itself, and that of the message which it answers."""
    for one in (message, _part(message, "reply_to_message")):
        found = _photo(one) or _document(one)
        if found is not None:
            yield found


def _photo(message: _Json) -> Attached | None:
    """Return the largest size of a photo."""
    sizes = message.get("photo")
    if not isinstance(sizes, list):
        return None
    told = [cast("_Json", one) for one in cast("list[Any]", sizes) if isinstance(one, dict)]
    usable = [one for one in told if isinstance(one.get("file_id"), str)]
    if not usable:
        return None
    best = max(usable, key=lambda one: _number(one, "width") * _number(one, "height"))
    return Attached(file_id=best["file_id"], media_type=_PHOTO, size=_number(best, "file_size"))


def _document(message: _Json) -> Attached | None:
    """Return a picture that was sent as a file."""
    told = _part(message, "document")
    kind, file_id = told.get("mime_type"), told.get("file_id")
    if not isinstance(kind, str) or not kind.startswith(_PICTURE):
        return None
    if not isinstance(file_id, str):
        return None
    return Attached(file_id=file_id, media_type=kind, size=_number(told, "file_size"))


def _number(told: _Json, name: str) -> int:
    found = told.get(name)
    return found if _is_id(found) and found > 0 else 0


def _part(told: _Json, name: str) -> _Json:
    found = told.get(name)
    return cast("_Json", found) if isinstance(found, dict) else _NOTHING


def _is_id(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
