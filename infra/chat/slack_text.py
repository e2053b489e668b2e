"""Hostile text as Slack shows it: ``&``, ``<`` and ``>`` escaped, cut to a length.

Slack reads ``<…>`` alone as a mention, a link or a command, and shows the three entities as
the characters they stand for without reading them again
(docs.slack.dev/messaging/formatting-message-text). Lengths are characters of the escaped form.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from infra.chat.shown_text import cleaned, one_line

_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ENTITY: Final = re.compile("&(amp|lt|gt);")
_CHARACTERS: Final = {"amp": "&", "lt": "<", "gt": ">"}
_URL: Final = re.compile(r"https?://[A-Za-z0-9\[][^\s<>\"'|`\\^{}]*[A-Za-z0-9/_=%&#-]")
_USER: Final = re.compile(r"[A-Z0-9]{1,32}")
_ELLIPSIS: Final = "…"


def escaped(text: str, most: int) -> str:
    """Return ``text`` so that Slack shows it as it is, in at most ``most`` characters.

    What is too long ends in an ellipsis; no entity is cut through.
    """
    text = cleaned(text).strip()
    pieces = [_ENTITIES.get(character, character) for character in text]
    if sum(map(len, pieces)) <= most:
        return "".join(pieces)
    return "".join(_within(pieces, most - len(_ELLIPSIS))).rstrip() + _ELLIPSIS


def unescaped(text: str) -> str:
    """Return what somebody typed, of what Slack hands over: each entity is read once."""
    return _ENTITY.sub(lambda found: _CHARACTERS[found[1]], text)


def plain_text(text: str, most: int, *, emoji: bool = False) -> dict[str, Any]:
    """Return a text object in which nothing is markup, nor a name of an emoji."""
    return {"type": "plain_text", "text": escaped(text, most), "emoji": emoji}


def label(text: str, most: int) -> dict[str, Any]:
    """Return the text object of a button or a heading: one line."""
    return plain_text(one_line(text), most, emoji=True)


def markup(text: str) -> dict[str, Any]:
    """Return a text object of what is escaped already; Slack finds no links in it by itself."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def linked(text: str, most: int) -> dict[str, Any]:
    """Return a text object in which URLs are links; without any, it is plain text."""
    text = cleaned(text).strip()
    if not _URL.search(text):
        return plain_text(text, most)
    pieces = list(_linked_pieces(text))
    if sum(map(len, pieces)) > most:
        pieces = [*_within(pieces, most - len(_ELLIPSIS)), _ELLIPSIS]
    return markup("".join(pieces))


def mention(user_id: str) -> str | None:
    """Return the markup that names a user; ``None``: this is no id of Slack's."""
    return f"<@{user_id}>" if _USER.fullmatch(user_id) else None


def time_of_day(at: datetime) -> str:
    """Return the markup that each reader's Slack shows in their own time, to the minute.

    Docs: docs.slack.dev/messaging/formatting-message-text, "Date formatting".
    """
    minute = at.astimezone(UTC) + timedelta(seconds=-at.timestamp() % 60)
    return f"<!date^{int(minute.timestamp())}^{{time}}|{minute:%H:%M %Z}>"


def chunks(text: str, sizes: Sequence[int]) -> Iterator[str]:
    """Yield ``text``, escaped, in parts of at most these sizes; none of them is empty.

    A part ends where a line does, if one ends in its second half; what does not fit into the
    last one ends in an ellipsis.
    """
    left = cleaned(text).strip()
    for number, most in enumerate(sizes, 1):
        taken = len(left)
        if number < len(sizes):
            taken = len(_within([_ENTITIES.get(one, one) for one in left], most))
            if taken < len(left):
                line = left.rfind("\n", taken // 2, taken)
                taken = line if line > 0 else taken
        # Of a part that is space alone, Slack would be shown nothing, which it refuses.
        part = escaped(left[:taken], most)
        if part:
            yield part
        left = left[taken:].strip("\n")


def _linked_pieces(text: str) -> Iterator[str]:
    at = 0
    for found in _URL.finditer(text):
        yield from (_ENTITIES.get(one, one) for one in text[at : found.start()])
        yield f"<{found[0].replace('&', '&amp;')}>"
        at = found.end()
    yield from (_ENTITIES.get(one, one) for one in text[at:])


def _within(pieces: list[str], most: int) -> list[str]:
    kept: list[str] = []
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            break
        kept.append(piece)
    return kept
