"""What Slack shows of a view or a notice: Block Kit, by pure functions.

Hostile text stands in ``plain_text`` alone. Limits: docs.slack.dev/reference/block-kit/blocks.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final, cast

from infra.chat.shown_text import cleaned, one_line
from infra.chat.slack_text import (
    chunks,
    escaped,
    label,
    linked,
    markup,
    mention,
    plain_text,
    time_of_day,
)
from schemas.chat_view import Button, ChatLimits, ChatStatus, Notice, Tone, View

LINK_ACTION: Final = "link"
"""What the action ids of buttons begin with that lead somewhere: Slack tells of these, too."""

_BLOCKS: Final = 50
_SECTION: Final = 3000
# Slack takes about 12,000 characters in all blocks of a message together, and does not say how
# it counts them: msg_blocks_too_long was seen from 11,341 on. Here every string counts.
WHOLE: Final = 10_000
SHORT: Final = 4_000
"""Of a message that Slack called too long even so."""
_HEADER: Final = 150
_LABEL: Final = 75
_ALT: Final = 2000
_URL: Final = 3000
_ROW: Final = 5
_ROWS: Final = 5
_PICTURES: Final = 10
_FALLBACK: Final = 400
_MIB: Final = 1 << 20

LIMITS: Final = ChatLimits(
    text=WHOLE,
    caption=_SECTION,
    label=_LABEL,
    buttons_a_row=_ROW,
    rows=_ROWS,
    id_bytes=255,
    # Slack takes more; what it scales down in a message anyway need not be larger.
    file_bytes=10 * _MIB,
    edit_seconds=3.0,
    group_edit_seconds=3.0,
    answer_seconds=3.0,
    # Image blocks show no WebP.
    picture_types=("image/png", "image/jpeg", "image/gif"),
    # Each would stay in the workspace as a file.
    previews=False,
)

_PHRASES: Final = {
    ChatStatus.WAITING: "Waiting to start",
    ChatStatus.HELD: "Waiting for review",
    ChatStatus.RUNNING: "Running",
    ChatStatus.DONE: "",
    ChatStatus.FAILED: "Failed",
    ChatStatus.BLOCKED: "Refused",
    ChatStatus.CANCELLED: "Cancelled",
    ChatStatus.EXPIRED: "Expired",
}
# The colours that such notices have elsewhere: green, yellow, red.
_TONES: Final = {Tone.INFO: "🟩", Tone.WARNING: "🟨", Tone.ERROR: "🟥"}


def waiting_form(view: View) -> View:
    """Return what is posted before the final form of ``view``, which then edits it."""
    return replace(
        view,
        status=ChatStatus.WAITING,
        position=None,
        starts_at=None,
        percent=None,
        text=None,
        pictures=(),
        buttons=(),
        notice=None,
        link=None,
    )


def message_of(view: View, files: Sequence[str] = (), *, most: int = WHOLE) -> dict[str, Any]:
    """Return the text and the blocks of a message.

    Args:
        view: What it shows.
        files: Slack's ids of the view's pictures, in their order; pictures without one are
            left out.
        most: Characters of all blocks; what a model wrote takes what the rest leaves.
    """
    head: list[dict[str, Any]] = []
    prompt = cleaned(view.prompt).strip()
    if prompt:
        head.append(_section(plain_text(prompt, min(_SECTION, most * 3 // 10))))
    head.append({"type": "context", "elements": [markup(_state_line(view))]})
    tail = list(_pictures(view, files, most // 10))
    if view.notice and cleaned(view.notice).strip():
        tail.append(_section(plain_text(view.notice, min(_SECTION, most * 3 // 20))))
    if view.link:
        tail.extend(_rows((Button("Open the result", url=view.link),)))
    tail.extend(_rows(view.buttons))
    sizes = _sizes(most - sum(map(_weight, (*head, *tail))))
    texts = [_section(_as_it_is(text)) for text in chunks(view.text or "", sizes)]
    return {"text": _fallback(view), "blocks": [*head, *texts, *tail][:_BLOCKS]}


def notice_of(notice: Notice) -> dict[str, Any]:
    """Return the text and the blocks of a notice."""
    title = one_line(f"{_TONES[notice.tone]} {notice.title}")
    blocks: list[dict[str, Any]] = [{"type": "header", "text": label(title, _HEADER)}]
    if cleaned(notice.text).strip():
        blocks.append(_section(linked(notice.text, _SECTION)))
    blocks.extend(_rows(notice.buttons))
    told = f"{one_line(notice.title)}: {one_line(notice.text)}"
    return {"text": escaped(told, _FALLBACK), "blocks": blocks[:_BLOCKS]}


def shown_pictures(view: View) -> bool:
    """Return whether the view shows pictures here: a final form's, of a kind Slack shows."""
    return view.status.final and any(
        one.media_type in LIMITS.picture_types for one in view.pictures
    )


def pictures_digest(view: View) -> str:
    """Return a digest of the view's pictures, 16 characters."""
    digest = hashlib.sha256()
    for one in view.pictures:
        digest.update(hashlib.sha256(one.identity).digest())
        digest.update(one.media_type.encode() + b"\0")
    return digest.hexdigest()[:16]


def _state_line(view: View) -> str:
    """Return what is known of the job, in Slack's markup; none of it is hostile."""
    phrase = _PHRASES[view.status]
    if view.status is ChatStatus.RUNNING and view.percent is not None:
        phrase = f"{phrase}, {view.percent} %"
    place = starts = ""
    if view.status is ChatStatus.WAITING:
        place = "" if view.position is None else f"position {view.position}"
        starts = "" if view.starts_at is None else f"starts about {time_of_day(view.starts_at)}"
    command = "" if one_line(view.prompt) else f"/{escaped(one_line(view.command), _LABEL)}"
    title = escaped(one_line(view.title), _HEADER)
    owner = mention(view.owner.id) or ""
    parts = (command, title, owner, view.mode.value, phrase, place, starts)
    return " · ".join(part for part in parts if part)


def _fallback(view: View) -> str:
    """Return what notifications and screen readers are given instead of the blocks."""
    phrase = _PHRASES[view.status] or "Done"
    prompt = escaped(one_line(view.prompt) or f"/{one_line(view.command)}", _FALLBACK)
    return f"{prompt} - {phrase}"


def _pictures(view: View, files: Sequence[str], most: int) -> Iterator[dict[str, Any]]:
    """Yield the pictures; ``most``: characters of what is told of them, together."""
    if not view.status.final:
        return
    shown = [one for one in view.pictures if one.media_type in LIMITS.picture_types]
    pairs = list(zip(shown[:_PICTURES], files, strict=False))
    for picture, file_id in pairs:
        alt = escaped(one_line(picture.alt), min(_ALT, most // len(pairs))) or "picture"
        yield {"type": "image", "slack_file": {"id": file_id}, "alt_text": alt}


def _sizes(left: int) -> list[int]:
    """Return the sizes of as many sections as ``left`` characters are shown in."""
    whole, rest = divmod(left - _SECTIONS_OWN, _SECTION) if left > _SECTIONS_OWN else (0, 0)
    return [_SECTION] * whole + ([rest] if rest > 1 else [])


def _weight(drawn: object) -> int:
    """Return the characters of all strings in a block."""
    if isinstance(drawn, dict):
        return sum(map(_weight, cast("dict[str, object]", drawn).values()))
    if isinstance(drawn, list):
        return sum(map(_weight, cast("list[object]", drawn)))
    return len(drawn) if isinstance(drawn, str) else 0


def _rows(buttons: Sequence[Button]) -> Iterator[dict[str, Any]]:
    ordered = sorted(buttons, key=lambda one: one.row)
    for count, (_, row) in enumerate(groupby(ordered, key=lambda one: one.row)):
        elements = _elements(row, count)
        if elements and count < _ROWS:
            yield {"type": "actions", "elements": elements[:_ROW]}


def _elements(row: Iterator[Button], number: int) -> list[dict[str, Any]]:
    """Return a row's buttons; an action id is there once, as Slack wants it."""
    drawn: dict[str, dict[str, Any]] = {}
    for place, button in enumerate(row):
        element = _button(button, f"{LINK_ACTION}:{number}:{place}")
        if element is not None:
            drawn.setdefault(element["action_id"], element)
    return list(drawn.values())


def _button(button: Button, link_id: str) -> dict[str, Any] | None:
    text = label(button.label, _LABEL)
    drawn: dict[str, Any] = {"type": "button", "text": text if text["text"] else _BARE}
    if button.url is not None:
        if len(button.url) > _URL:
            return None
        drawn |= {"action_id": link_id, "url": button.url}
    elif button.action is not None:
        drawn |= {"action_id": button.action.id, "value": button.action.id}
    else:
        return None
    # Slack knows no button that cannot be pressed: a used one is drawn in another colour.
    if button.danger:
        drawn["style"] = "danger"
    elif button.used:
        drawn["style"] = "primary"
    return drawn


def _as_it_is(text: str) -> dict[str, Any]:
    """Return the text object of what is escaped already."""
    return {"type": "plain_text", "text": text, "emoji": False}


def _section(text: dict[str, Any]) -> dict[str, Any]:
    return {"type": "section", "text": text}


# The names of types of as many sections as there may be.
_SECTIONS_OWN: Final = 4 * len("sectionplain_text")
_BARE: Final = {"type": "plain_text", "text": "·", "emoji": False}
