"""Hostile text as Discord shows it: every character as it is, no mention, within a length.

Lengths are UTF-16 code units: Discord does not say how it counts, and no other way gives more.
Markdown: https://support.discord.com/hc/en-us/articles/210298617
"""

import re
from typing import Final

from infra.chat.shown_text import cleaned, one_line

# What means something anywhere: a backslash before it has it mean itself. With the colon and
# the slash, no URL and no invitation becomes a link; with "<" no mention and no timestamp does.
_ANYWHERE: Final = frozenset("\\*_~`|[]()<>@:/")
# What means something at the beginning of a line: headings, lists, small print.
_LINE_START: Final = re.compile(r"(?m)^([ \t]*)(?:([#+-])|([0-9]{1,9})(?=[.)]))")
# No backslash helps here.
_EVERYBODY: Final = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
_ZERO_WIDTH: Final = "\u200b"
_URL: Final = re.compile(
    r"https?://[A-Za-z0-9][A-Za-z0-9._~:/?#\[\]@!$&*+,;=%-]*[A-Za-z0-9/_=%-]"
)
_ELLIPSIS: Final = "…"


def units(text: str) -> int:
    """Return the length of ``text`` in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def escaped(text: str, most: int, *, links: bool = False) -> str:
    """Return ``text`` so that Discord shows it as it is, in at most ``most`` units.

    What is too long ends in an ellipsis; neither an escape nor a character is cut through.

    Args:
        text: Whatever somebody wrote.
        most: Units of the result, from 1.
        links: Whether URLs stay links: for words that one person alone sees.
    """
    # Each character takes a unit at least: the rest of a long text need not be looked at.
    pieces = _pieces(cleaned(text)[: most + 1], links=links)
    if sum(map(units, pieces)) <= most:
        return "".join(pieces)
    kept: list[str] = []
    left = most - units(_ELLIPSIS)
    for piece in pieces:
        left -= units(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + _ELLIPSIS


def plain(text: str, most: int) -> str:
    """Return ``text`` for where nothing is markdown (labels, titles, alt texts): cut alone."""
    text = one_line(text)
    if units(text) <= most:
        return text
    left = most - units(_ELLIPSIS)
    cut = text.encode("utf-16-le")[: 2 * left].decode("utf-16-le", "ignore")
    return cut.rstrip() + _ELLIPSIS


def _pieces(text: str, *, links: bool) -> list[str]:
    """Return the escaped form of each character, and of each URL where they stay links."""
    if not links:
        return _escapes(text)
    pieces: list[str] = []
    at = 0
    for url in _URL.finditer(text):
        pieces += [*_escapes(text[at : url.start()]), url.group()]
        at = url.end()
    return pieces + _escapes(text[at:])


def _escapes(text: str) -> list[str]:
    # Of a number, the dot or bracket after it.
    starts = _LINE_START.finditer(text)
    marked = {found.end() if found[3] else found.start(2) for found in starts}
    everybody = {found.start() for found in _EVERYBODY.finditer(text)}
    pieces: list[str] = []
    for at, character in enumerate(text):
        if at in everybody:
            pieces.append(f"@{_ZERO_WIDTH}")
        elif character in _ANYWHERE or at in marked:
            pieces.append(f"\\{character}")
        else:
            pieces.append(character)
    return pieces
