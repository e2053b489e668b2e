"""Words for Telegram: hostile text as it is, and entities in UTF-16 units. Pure.

No ``parse_mode`` is used, so nothing in a text is markup and nothing needs escaping. What
Telegram still finds by itself is a mention, which would ring somebody's telephone: an invisible
character after the ``@`` keeps it text. Only where a letter, a digit or an underscore stands
before the ``@`` it finds none (an address of e-mail), so there it is left as it is. https://core.telegram.org/bots/api#messageentity
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.chat.shown_text import cleaned

_MENTION: Final = re.compile(r"(?<![A-Za-z0-9_])@(?=[A-Za-z0-9_])")
_JOINER: Final = "@\u2060"
_ELLIPSIS: Final = "…"

Entity = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a message, and what it is besides words: an entity without its place."""

    text: str
    entity: Entity | None = None


def units(text: str) -> int:
    """Return the length of ``text`` in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def plain(text: str) -> str:
    """Return ``text`` without NUL, controls, turns of direction and mentions."""
    return _MENTION.sub(_JOINER, cleaned(text))


def one_line(text: str) -> str:
    """Return ``text`` as ``plain`` does, in one line, without space around it."""
    return " ".join(plain(text).split())


def cut(text: str, most: int) -> str:
    """Return ``text`` in at most ``most`` units; what is too long ends in an ellipsis."""
    if 2 * len(text) <= most or units(text) <= most:
        return text
    if most < 1:
        return ""
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (most - 1)]
    return kept.decode("utf-16-le", "ignore").rstrip() + _ELLIPSIS


def joined(pieces: Iterable[Piece]) -> tuple[str, list[dict[str, Any]]]:
    """Return the text of all pieces, and their entities with offsets."""
    text: list[str] = []
    entities: list[dict[str, Any]] = []
    offset = 0
    for piece in pieces:
        length = units(piece.text)
        if piece.entity is not None and length:
            entities.append({**piece.entity, "offset": offset, "length": length})
        text.append(piece.text)
        offset += length
    return "".join(text), entities


def length_of(pieces: Iterable[Piece]) -> int:
    """Return the length of all pieces in units."""
    return sum(units(piece.text) for piece in pieces)
