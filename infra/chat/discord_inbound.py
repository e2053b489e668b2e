"""What Discord sends: the signature, and the interactions that a bot gets over HTTP.

Source: discord-api-docs, developers/interactions/receiving-and-responding.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.chat.shown_text import cleaned
from schemas.chat import ChatAction, ChatUser, MessageRef, Place, Platform
from schemas.chat_errors import ChatUnauthorizedError, ChatUnreadableError
from schemas.chat_inbound import Attached, Command, Ignored, Inbound, Ping, Press

TOKEN_LIFE: Final = timedelta(minutes=14, seconds=30)
"""Half a minute less than Discord's 15 minutes."""

_SIGNATURE: Final = re.compile(r"[0-9A-Fa-f]{128}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,20}")
_SKEW: Final = 300
# Threads: of announcements, public, private.
_THREADS: Final = frozenset({10, 11, 12})
_MOST: Final = 2**53
# What a server with boosts takes is more than is sent in good time.
_MOST_FILE: Final = 10 * 1024 * 1024
_SLASH: Final = 1
_ATTACHMENT: Final = 11
_BOT_DM: Final = 1
# MANAGE_GUILD, ADMINISTRATOR.
_MANAGES: Final = 0x20 | 0x08
# The option that a command's free text comes in; one a command.
_TEXTS: Final = ("prompt", "link", "job", "change")

Snowflake = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,19}$")]
_Number = Annotated[int, Field(ge=-_MOST, le=_MOST)]
_Size = Annotated[int, Field(ge=0, le=_MOST)]


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _User(_Read):
    id: Snowflake
    username: str = ""
    global_name: str | None = None


class _Member(_Read):
    user: _User
    permissions: Annotated[str, Field(pattern=r"^[0-9]{1,30}$")] = "0"


class _Option(_Read):
    name: Annotated[str, Field(max_length=32)]
    type: _Number
    value: str | _Number | float | bool | None = None


class _Attachment(_Read):
    url: Annotated[str, Field(max_length=4096)]
    content_type: str | None = None
    size: _Size = 0


class _Resolved(_Read):
    attachments: dict[str, _Attachment] = {}


class _Data(_Read):
    name: Annotated[str, Field(max_length=32)] = ""
    type: _Number = _SLASH
    options: Annotated[list[_Option], Field(max_length=25)] = []
    resolved: _Resolved = _Resolved()
    custom_id: str = ""


class _Message(_Read):
    id: Snowflake


class _Channel(_Read):
    type: _Number = 0
    parent_id: Snowflake | None = None


class _Interaction(_Read):
    type: _Number
    id: Snowflake | None = None
    token: Annotated[str, Field(pattern=r"^[!-~]{1,2048}$")] | None = None
    guild_id: Snowflake | None = None
    channel_id: Snowflake | None = None
    channel: _Channel = _Channel()
    context: _Number | None = None
    attachment_size_limit: _Size = 0
    member: _Member | None = None
    user: _User | None = None
    data: _Data = _Data()
    message: _Message | None = None


def verify_signature(
    key: Ed25519PublicKey, headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    """Let pass what the application's key signed: timestamp and body, one after the other.

    Within five minutes: Discord's own libraries do not look at it, but what is repeated later
    may be one that nobody remembers any more.

    Raises:
        ChatUnauthorizedError: Anything else.
    """
    signature = headers.get("x-signature-ed25519", "")
    timestamp = headers.get("x-signature-timestamp", "")
    if _SIGNATURE.fullmatch(signature) is None or _TIMESTAMP.fullmatch(timestamp) is None:
        raise ChatUnauthorizedError("the headers hold no signature with a timestamp")
    if abs(now.timestamp() - int(timestamp)) > _SKEW:
        raise ChatUnauthorizedError("x-signature-timestamp: it is not of this moment")
    if not body.startswith(b"{"):
        # Digits of the timestamp could be moved to the body's beginning, and be signed still.
        raise ChatUnauthorizedError("the body is no JSON object")
    try:
        key.verify(bytes.fromhex(signature), timestamp.encode("ascii") + body)
    except InvalidSignature:
        raise ChatUnauthorizedError("the signature is of something else") from None


def interaction_of(body: bytes, now: datetime) -> Inbound:
    """Return what a signed request asks.

    Raises:
        ChatUnreadableError: It is not what Discord documents.
    """
    try:
        read = _Interaction.model_validate_json(body)
    except (ValidationError, ValueError) as error:
        raise _unreadable(_where(error)) from None
    match read.type:
        case 1:
            return Ping()
        case 2 if read.data.type == _SLASH:
            return _command(read, now)
        case 3:
            return _press(read, now)
        case other:
            return Ignored(f"an interaction of type {other}")


def _command(read: _Interaction, now: datetime) -> Command:
    heard = _heard(read, now, original=True)
    options = {
        option.name.lower(): cleaned(_words(option.value))
        for option in read.data.options
        if option.type != _ATTACHMENT and option.value is not None
    }
    text = next((options.pop(name) for name in _TEXTS if name in options), "")
    return Command(
        **heard,
        name=read.data.name.lower(),
        text=text,
        options=options,
        pictures=_pictures(read),
    )


def _press(read: _Interaction, now: datetime) -> Press:
    heard = _heard(read, now, original=False)
    if read.message is None:
        raise _unreadable("message: it is missing")
    pressed = MessageRef(heard["place"].channel, message=read.message.id)
    return Press(**heard, action=ChatAction.parse(read.data.custom_id), pressed=pressed)


def _heard(read: _Interaction, now: datetime, *, original: bool) -> dict[str, Any]:
    """Return the fields of ``Heard``."""
    user = read.member.user if read.member is not None else read.user
    if user is None or read.channel_id is None or read.id is None or read.token is None:
        raise _unreadable("user, channel_id, id, token: one of them is missing")
    allowed = 0 if read.member is None else int(read.member.permissions)
    return {
        "platform": Platform.DISCORD,
        "dedupe_key": read.id,
        "user": ChatUser(
            user.id,
            name=cleaned(user.global_name or user.username),
            manages=bool(allowed & _MANAGES),
        ),
        "place": Place(
            read.guild_id or "",
            read.channel_id,
            private=read.guild_id is None and read.context in {None, _BOT_DM},
            parent=read.channel.parent_id if read.channel.type in _THREADS else None,
        ),
        "ref": MessageRef(
            read.channel_id,
            token=read.token,
            token_until=now + TOKEN_LIFE,
            original=original,
            reply_to=None if read.message is None else read.message.id,
            limit=min(read.attachment_size_limit, _MOST_FILE),
        ),
        "received_at": now,
    }


def _pictures(read: _Interaction) -> tuple[Attached, ...]:
    asked = (option.value for option in read.data.options if option.type == _ATTACHMENT)
    found = (read.data.resolved.attachments.get(str(key)) for key in asked)
    return tuple(
        Attached(url=one.url, media_type=one.content_type or "", size=one.size)
        for one in found
        if one is not None
    )


def _words(value: str | float | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _where(error: ValueError) -> str:
    """Return where the body is wrong: never what stands there."""
    if not isinstance(error, ValidationError):
        return "it is no JSON"
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    at = ".".join(str(step) for step in first["loc"])
    return f"{at}: {first['type']}" if at else str(first["type"])


def _unreadable(why: str) -> ChatUnreadableError:
    return ChatUnreadableError(f"the interaction cannot be read: {why}")
