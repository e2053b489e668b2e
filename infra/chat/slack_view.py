"""What Slack shows of a view or a notice: Block Kit, by pure functions.

Hostile text stands in ``plain_text`` alone. Limits: docs.slack.dev/reference/block-kit/blocks.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

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
_TEXTS: Final = 4
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
    text=_TEXTS * _SECTION,
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


def message_of(view: View, files: Sequence[str] = ()) -> dict[str, Any]:
    """Return the text and the blocks of a message.

    Args:
        view: What it shows.
        files: Slack's ids of the view's pictures, in their order; pictures without one are
            left out.
    """
    blocks: list[dict[str, Any]] = []
    prompt = cleaned(view.prompt).strip()
    if prompt:
        blocks.append(_section(plain_text(prompt, _SECTION)))
    blocks.append({"type": "context", "elements": [markup(_state_line(view))]})
    texts = chunks(view.text or "", _SECTION, _TEXTS)
    blocks.extend(_section(plain_text(text, _SECTION)) for text in texts)
    blocks.extend(_pictures(view, files))
    if view.notice and cleaned(view.notice).strip():
        blocks.append(_section(plain_text(view.notice, _SECTION)))
    if view.link:
        blocks.extend(_rows((Button("Open the result", url=view.link),)))
    blocks.extend(_rows(view.buttons))
    return {"text": _fallback(view), "blocks": blocks[:_BLOCKS]}


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
        digest.update(hashlib.sha256(one.data).digest())
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


def _pictures(view: View, files: Sequence[str]) -> Iterator[dict[str, Any]]:
    if not view.status.final:
        return
    shown = [one for one in view.pictures if one.media_type in LIMITS.picture_types]
    for picture, file_id in zip(shown[:_PICTURES], files, strict=False):
        alt = escaped(one_line(picture.alt), _ALT) or "picture"
        yield {"type": "image", "slack_file": {"id": file_id}, "alt_text": alt}


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


def _section(text: dict[str, Any]) -> dict[str, Any]:
    return {"type": "section", "text": text}


_BARE: Final = {"type": "plain_text", "text": "·", "emoji": False}
