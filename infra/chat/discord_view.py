"""What a Discord message is made of: pure, from a view or a notice to a JSON body.

A body fits the bodies of all routes that make or edit a message (executing a webhook, a
channel's messages, the callback of an interaction). Formats are those that people know from
Midjourney: ``**prompt** - <@user> (31%) (fast)``.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson

from infra.chat.adapter import FilePart
from infra.chat.discord_text import escaped, plain, units
from infra.chat.shown_text import one_line
from schemas.chat import ChatUser
from schemas.chat_view import Button, ChatLimits, ChatStatus, Notice, Tone, View, ViewPicture

LIMITS: Final = ChatLimits(
    text=4096,
    caption=2000,
    label=80,
    buttons_a_row=5,
    rows=5,
    id_bytes=100,
    file_bytes=10 * 1024 * 1024,
    edit_seconds=2.0,
    group_edit_seconds=2.0,
    answer_seconds=3.0,
)
EPHEMERAL: Final = 64

Json = dict[str, Any]

_CONTENT: Final = 2000
_DESCRIPTION: Final = 4096
_NOTICE: Final = 1000
# With a whole description beside it, under the 6,000 of all embeds together.
_NOTICE_AND_LINK: Final = 1800
_TITLE: Final = 256
_ALT: Final = 1024
_LINK: Final = 512
_FILES: Final = 10
_SECONDS_SHOWN: Final = 15

_ACTION_ROW, _BUTTON = 1, 2
_PRIMARY, _SECONDARY, _DANGER, _OPENS = 1, 2, 4, 5
_RED, _YELLOW, _GREEN, _GREY = 0xFF0000, 0xFFFF00, 0x00FF00, 0x99AAB5

_TONES: Final[Mapping[Tone, int]] = MappingProxyType(
    {Tone.INFO: _GREEN, Tone.WARNING: _YELLOW, Tone.ERROR: _RED}
)
_STATUS_TITLES: Final[Mapping[ChatStatus, tuple[str, int]]] = MappingProxyType(
    {
        ChatStatus.WAITING: ("Waiting", _YELLOW),
        ChatStatus.HELD: ("Waiting for review", _YELLOW),
        ChatStatus.RUNNING: ("Running", _YELLOW),
        ChatStatus.DONE: ("Done", _YELLOW),
        ChatStatus.FAILED: ("Failed", _RED),
        ChatStatus.BLOCKED: ("Refused", _RED),
        ChatStatus.CANCELLED: ("Cancelled", _GREY),
        ChatStatus.EXPIRED: ("Expired", _RED),
    }
)
_NO_PING: Final[Mapping[str, Any]] = MappingProxyType({"parse": []})
_SNOWFLAKE: Final = re.compile(r"[1-9][0-9]{0,19}")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]")


def view_body(view: View) -> Json:
    """Return what shows ``view``, its pictures left out; it empties what it does not show."""
    mentioned = [view.owner.id] if _mentions(view.owner) else []
    return {
        "content": _content(view),
        "embeds": _embeds(view),
        "components": _rows(view.buttons, view.link),
        "allowed_mentions": {**_NO_PING, "users": mentioned},
    }


def with_pictures(body: Json, view: View) -> tuple[Json, tuple[FilePart, ...]]:
    """Return ``body`` with exactly the pictures of ``view``, and their bytes.

    What is not listed is removed from a message that is edited: so a preview gives way.
    """
    shown = view.pictures[:_FILES]
    listed = [_attachment(number, one) for number, one in enumerate(shown)]
    files = tuple(
        FilePart(f"files[{number}]", _file_name(one, number), one.media_type, one.data)
        for number, one in enumerate(shown)
    )
    return {**body, "attachments": listed}, files


def buttons_body(view: View) -> Json:
    """Return what draws the buttons of a message anew, and leaves all else as it is."""
    return {
        "components": _rows(view.buttons, view.link),
        "allowed_mentions": {**_NO_PING, "users": []},
    }


def notice_body(notice: Notice, *, private: bool = True) -> Json:
    """Return what tells ``notice``: as an embed, in the colour of its tone."""
    body: Json = {
        "content": "",
        "embeds": [
            {
                "title": escaped(one_line(notice.title), _TITLE),
                "description": escaped(notice.text, _DESCRIPTION, links=private),
                "color": _TONES[notice.tone],
            }
        ],
        "components": _rows(notice.buttons, None),
        "allowed_mentions": {**_NO_PING, "users": []},
    }
    return {**body, "flags": EPHEMERAL} if private else body


def digest_of(view: View) -> bytes:
    """Return a digest of all that is seen of ``view``: 32 bytes."""
    body, _ = with_pictures(view_body(view), view)
    seen = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    for one in view.pictures[:_FILES]:
        seen.update(hashlib.sha256(one.identity).digest())
    return seen.digest()


def _content(view: View) -> str:
    told = one_line(view.prompt) or f"/{view.command}"
    title = f"{escaped(one_line(view.title), 100)} " if view.title else ""
    who = f"<@{view.owner.id}>" if _mentions(view.owner) else "somebody"
    tail = f"** - {title}{who} {_state(view)}"
    return f"**{escaped(told, _CONTENT - units(tail) - 2)}{tail}"


def _state(view: View) -> str:
    match view.status:
        case ChatStatus.WAITING:
            return "(Waiting to start)" + _place(view)
        case ChatStatus.HELD:
            return "(Waiting for review)"
        case ChatStatus.RUNNING:
            return f"({view.percent or 0}%) ({view.mode})"
        case ChatStatus.DONE:
            return f"({view.mode})"
        case ended:
            return f"({_STATUS_TITLES[ended][0].lower()}) ({view.mode})"


def _place(view: View) -> str:
    position = f" · position {view.position}" if view.position is not None else ""
    # Clients count down to it by themselves.
    starts = f" · <t:{_rounded(view.starts_at)}:R>" if view.starts_at is not None else ""
    return position + starts


def _rounded(when: datetime) -> int:
    """Return Unix seconds, rounded up: a guess that moved a little changes nothing."""
    return -(-int(when.timestamp()) // _SECONDS_SHOWN) * _SECONDS_SHOWN


def _embeds(view: View) -> list[Json]:
    embeds: list[Json] = []
    # What is left of a text may be nothing, and Discord takes no embed without words.
    text = escaped((view.text or "").strip(), _DESCRIPTION).strip()
    if text:
        embeds.append({"description": text})
    title, colour = _STATUS_TITLES[view.status]
    words = escaped(view.notice or "", _NOTICE).strip()
    if view.link is not None and not _fits(view.link):
        words = f"{words}\n[Open]({_quoted(view.link)})".strip()
    if words and units(words) <= _NOTICE_AND_LINK:
        embeds.append({"title": title, "description": words, "color": colour})
    return embeds


def _rows(buttons: tuple[Button, ...], link: str | None) -> list[Json]:
    rows: dict[int, list[Json]] = {}
    for button in buttons:
        drawn = _button(button)
        if drawn is not None:
            rows.setdefault(button.row, []).append(drawn)
    kept = [rows[number] for number in sorted(rows)]
    if link is not None and _fits(link):
        kept.append([_opening("Open", link)])
    return [
        {"type": _ACTION_ROW, "components": row[: LIMITS.buttons_a_row]}
        for row in kept[: LIMITS.rows]
    ]


def _button(button: Button) -> Json | None:
    label = plain(button.label, LIMITS.label)
    if button.url is not None:
        return _opening(label, button.url) if _fits(button.url) else None
    # Discord's document does not ask for the id, Discord does.
    if button.action is None:
        return None
    style = _DANGER if button.danger else _PRIMARY if button.used else _SECONDARY
    return {
        "type": _BUTTON,
        "style": style,
        "label": label,
        "custom_id": button.action.id,
    }


def _opening(label: str, url: str) -> Json:
    return {"type": _BUTTON, "style": _OPENS, "label": label, "url": url}


def _fits(url: str) -> bool:
    return len(url) <= _LINK and url.startswith(("https://", "http://"))


def _quoted(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29").replace(" ", "%20")


def _attachment(number: int, picture: ViewPicture) -> Json:
    # The id is a string by Discord's document; it says which of the files is meant.
    listed: Json = {"id": str(number), "filename": _file_name(picture, number)}
    alt = plain(picture.alt, _ALT)
    return {**listed, "description": alt} if alt else listed


def _file_name(picture: ViewPicture, number: int) -> str:
    return _NOT_IN_NAMES.sub("_", picture.name)[-100:].lstrip(".") or f"{number}"


def _mentions(owner: ChatUser) -> bool:
    return _SNOWFLAKE.fullmatch(owner.id) is not None
