"""What a message in Telegram says: a ``View`` or a ``Notice`` becomes text, entities, buttons.

Pure. Lengths are UTF-16 units, by which Telegram counts; ids of buttons are counted in bytes.
When a job will start is a ``date_time`` entity: clients count down to it without edits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from infra.chat.telegram_text import Entity, Piece, cut, joined, length_of, one_line, plain
from schemas.chat import ChatUser
from schemas.chat_view import Button, ChatLimits, ChatStatus, Notice, Tone, View

LIMITS: Final = ChatLimits(
    text=4096,
    caption=1024,
    label=64,
    buttons_a_row=8,
    rows=12,
    id_bytes=64,
    file_bytes=10_000_000,
    edit_seconds=1.5,
    group_edit_seconds=4.0,
    answer_seconds=0.0,
    picture_types=("image/jpeg", "image/png", "image/webp"),
)
CALLBACK_TEXT: Final = 200
"""Units that the answer to a press may have."""
# In a group all see it.
_GROUP_NOTICE: Final = 600
_TITLE: Final = 80
_NAME: Final = 40
_URL: Final = 1000
# A countdown that moves by less is the same.
_GRAIN_SECONDS: Final = 15

_BOLD: Final[Entity] = {"type": "bold"}
_STATES: Final = {
    ChatStatus.WAITING: "Waiting to start",
    ChatStatus.HELD: "Waiting for a person to look at it",
    ChatStatus.RUNNING: "Running",
    ChatStatus.FAILED: "Failed",
    ChatStatus.BLOCKED: "Refused",
    ChatStatus.CANCELLED: "Cancelled",
    ChatStatus.EXPIRED: "Expired",
}
_TONES: Final = {Tone.INFO: "", Tone.WARNING: "⚠️ ", Tone.ERROR: "⛔ "}


@dataclass(frozen=True, slots=True)
class Form:
    """A message, ready to be put into a call.

    Attributes:
        keyboard: Rows of buttons, of Telegram's fields.
    """

    text: str = field(repr=False)
    entities: list[dict[str, Any]]
    keyboard: list[list[dict[str, Any]]]

    @property
    def markup(self) -> dict[str, Any]:
        """Return the parameter of the buttons; an edit without it takes them away."""
        return {"reply_markup": {"inline_keyboard": self.keyboard}} if self.keyboard else {}

    def words(self, text: str, entities: str) -> dict[str, Any]:
        """Return the parameters of the words, under the names that a method has for them."""
        return {text: self.text, **({entities: self.entities} if self.entities else {})}


def view_form(view: View, *, private: bool, caption: bool) -> Form:
    """Return what shows a view.

    Args:
        view: What.
        private: In a group, whose job it is is said.
        caption: The words stand under a picture, and are short.
    """
    most = LIMITS.caption if caption else LIMITS.text
    header = list(_header(view, private=private, most=most * 3 // 8))
    tail = list(_notice(view.notice, most * 5 // 16))
    links = [*_loose(view.buttons), list(_link("The whole result", view.link))]
    for link in links:
        # Half a link leads nowhere.
        if length_of([*header, *tail, *link]) <= most:
            tail += link
    text = cut(plain(view.text or "").strip(), most - length_of([*header, *tail]) - len(_GAP))
    body = [Piece(f"{_GAP}{text}")] if text else []
    return Form(*joined([*header, *body, *tail]), keyboard_of(view.buttons))


def notice_form(notice: Notice, *, private: bool) -> Form:
    """Return words for one person; in a group they are kept short."""
    most = LIMITS.text if private else _GROUP_NOTICE
    title = Piece(f"{_TONES[notice.tone]}{cut(one_line(notice.title), _TITLE)}", _BOLD)
    loose = [piece for link in _loose(notice.buttons) for piece in link]
    left = min(most, LIMITS.text - length_of(loose)) - length_of([title])
    text = cut(plain(notice.text).strip(), left - 1)
    pieces = [title, *([Piece(f"\n{text}")] if text else []), *loose]
    return Form(*joined(pieces), keyboard_of(notice.buttons))


def notice_toast(notice: Notice) -> str:
    """Return the words of a notice in the answer to a press."""
    return cut(f"{one_line(notice.title)}: {plain(notice.text).strip()}", CALLBACK_TEXT)


def keyboard_of(buttons: Sequence[Button]) -> list[list[dict[str, Any]]]:
    """Return the rows of buttons; one that Telegram would refuse is left out."""
    drawn = sorted(
        ((button.row, told) for button in buttons if (told := _drawn(button))),
        key=lambda one: one[0],
    )
    rows: list[list[dict[str, Any]]] = []
    last = None
    for row, told in drawn:
        if row != last or len(rows[-1]) == LIMITS.buttons_a_row:
            rows.append([])
        rows[-1].append(told)
        last = row
    return rows[: LIMITS.rows]


def _drawn(button: Button) -> dict[str, Any] | None:
    label = cut(one_line(button.label), LIMITS.label)
    if button.used:
        label = cut(f"✓ {label}", LIMITS.label)
    told: dict[str, Any] = {"text": label}
    if button.action is not None and len(button.action.id.encode()) <= LIMITS.id_bytes:
        told["callback_data"] = button.action.id
    elif _is_public(button.url):
        told["url"] = button.url
    if not label or len(told) == 1:
        return None
    if button.danger or button.used:
        told["style"] = "danger" if button.danger else "success"
    return told


def _header(view: View, *, private: bool, most: int) -> Iterator[Piece]:
    prompt = cut(one_line(view.prompt), most) or f"/{one_line(view.command)}"
    yield Piece(prompt, _BOLD)
    if view.title:
        yield Piece(f" - {cut(one_line(view.title), _TITLE)}")
    if not private:
        yield from _owner(view.owner)
    state = _STATES.get(view.status)
    if view.status is ChatStatus.RUNNING and view.percent is not None:
        state = f"{min(max(view.percent, 0), 100)}%"
    yield Piece(f" ({state}) ({view.mode})" if state else f" ({view.mode})")
    if view.status is ChatStatus.WAITING:
        yield from _place_in_lane(view)


def _place_in_lane(view: View) -> Iterator[Piece]:
    if view.position is not None:
        yield Piece(f" · position {view.position}")
    if view.starts_at is not None:
        at = int(view.starts_at.timestamp()) // _GRAIN_SECONDS * _GRAIN_SECONDS
        yield Piece(" · starts ")
        # Clients that know no such entity show the words.
        words = datetime.fromtimestamp(at, UTC).strftime("%H:%M UTC")
        yield Piece(words, {"type": "date_time", "unix_time": at, "date_time_format": "r"})


def _owner(owner: ChatUser) -> Iterator[Piece]:
    """Yield whose job it is: a name, or a figure that leads to them. It is no @mention."""
    if not owner.id.isdecimal():
        return
    name = cut(one_line(owner.name), _NAME)
    user = {"id": int(owner.id), "is_bot": False, "first_name": name or "user"}
    yield Piece(" - ")
    yield Piece(name or "👤", {"type": "text_mention", "user": user})


def _notice(notice: str | None, most: int) -> Iterator[Piece]:
    text = cut(plain(notice or "").strip(), most)
    if text:
        yield Piece(f"{_GAP}{text}")


def _loose(buttons: Sequence[Button]) -> Iterator[list[Piece]]:
    """Yield the links that no button may lead to, as words."""
    for button in buttons:
        if button.action is None and button.url and not _is_public(button.url):
            label = cut(one_line(button.label), LIMITS.label)
            yield [Piece(f"{_GAP}{label}: {cut(one_line(button.url), _URL)}")]


def _link(label: str, url: str | None) -> Iterator[Piece]:
    if url and _is_public(url):
        yield Piece(_GAP)
        yield Piece(label, {"type": "text_link", "url": url})
    elif url:
        yield Piece(f"{_GAP}{label}: {one_line(url)}")


def _is_public(url: str | None) -> bool:
    """Return whether Telegram takes a link: it refuses names without a dot."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and "." in host


_GAP: Final = "\n\n"
