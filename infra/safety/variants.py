"""Other readings of a text: what it may say to somebody who undoes its disguise.

They are scored besides the text and never stand for it. Every step is linear in the length of
the text, and together they leave at most six readings, none much longer than the text.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from infra.safety.decoding import decode
from infra.safety.leetspeak import undisguised
from infra.safety.lexicon import Lexicon
from infra.safety.normalise import Normalised, normalise
from infra.safety.spacing import cut, joined

SPACED: Final = "spaced_letters"
LEET: Final = "leetspeak"
REPEATED: Final = "repeated_letters"
REVERSED: Final = "reversed"
ROTATED: Final = "rot13"
GLUED: Final = "missing_spaces"
REGIONAL: Final = "regional_indicators"

_MOST: Final = 6
_TRIPLE: Final = re.compile(r"([A-Za-z])\1\1+")
_OFTEN_TRIPLE: Final = frozenset("xXwWiIvV")
_REGIONAL: Final = re.compile("[\U0001f1e6-\U0001f1ff]{3,}")
_REVERSAL: Final = ("revers", "backward", "right to left", "right-to-left", "rückwärts")
_ROTATION: Final = ("rot13", "rot-13", "rot 13", "caesar cipher", "caesar shift")
_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_ROT13: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM",
)
_STRANGE: Final = 0.35
_SENSIBLE: Final = 0.5
_FEW_LETTERS: Final = 8
_LOOKED_AT: Final = 400
_LONG: Final = 4


@dataclass(frozen=True, slots=True)
class Variants:
    """Readings besides the text itself, and the names of what was undone for them."""

    texts: Sequence[str] = ()
    tricks: Sequence[str] = ()


NO_VARIANTS: Final = Variants()


def variants_of(read: Normalised, lexicon: Lexicon | None = None) -> Variants:
    """Return the other readings of a text, at most six.

    Args:
        read: The text, normalised.
        lexicon: Tells words from nonsense; without it, a text that is reversed or in rot13
            has to say so, and letters without spaces stay together.
    """
    text = read.unmixed or read.text
    found: dict[str, None] = {}
    if read.hidden:
        hidden = normalise(read.hidden).text
        found[hidden] = None
        text = f"{text} {hidden}"
    tricks: dict[str, None] = {}
    decoded = decode(text)
    if decoded:
        tricks |= dict.fromkeys(decoded.tricks)
        text = normalise(decoded.text).text
        found[normalise(decoded.parts).text] = None
    for trick, undo in _STEPS:
        undone = undo(text, lexicon)
        if undone and undone[0] != text:
            tricks[trick] = None
            found |= dict.fromkeys(undone[1:])
            text = undone[0]
    for trick, turned in _turned(text, lexicon):
        tricks[trick] = None
        found[turned] = None
    found = {text: None} | found
    for none in (read.text, ""):
        found.pop(none, None)
    return Variants(tuple(found)[:_MOST], tuple(tricks))


def _shortened(text: str, lexicon: Lexicon | None) -> Sequence[str]:
    """Undo ``nuuude``: a letter that comes three times came once, or twice."""

    def once(match: re.Match[str]) -> str:
        letter = match.group(1)
        return match.group() if letter in _OFTEN_TRIPLE else letter

    def twice(match: re.Match[str]) -> str:
        letter = match.group(1)
        return match.group() if letter in _OFTEN_TRIPLE else letter * 2

    del lexicon
    if _TRIPLE.search(text) is None:
        return ()
    return (_TRIPLE.sub(once, text), _TRIPLE.sub(twice, text))


def _regions_named(text: str, lexicon: Lexicon | None) -> Sequence[str]:
    """Undo letters that make flags: three in a row are no flags, or one and a half."""
    del lexicon

    def letters(match: re.Match[str]) -> str:
        return "".join(chr(ord(one) - 0x1F1E6 + ord("a")) for one in match.group())

    return () if text.isascii() else (_REGIONAL.sub(letters, text),)


_Undo = Callable[[str, Lexicon | None], Sequence[str]]
_STEPS: Final[Sequence[tuple[str, _Undo]]] = (
    (REGIONAL, _regions_named),
    (SPACED, joined),
    (LEET, undisguised),
    (REPEATED, _shortened),
    (GLUED, cut),
)


def _turned(text: str, lexicon: Lexicon | None) -> Sequence[tuple[str, str]]:
    """Return the text read backwards, or in rot13, if it says so or makes sense only so."""
    said = text.lower()
    found: list[tuple[str, str]] = []
    if any(sign in said for sign in _REVERSAL) and _hides(said, lexicon):
        found.append((REVERSED, text[::-1]))
    if any(sign in said for sign in _ROTATION):
        found.append((ROTATED, _rotated(text, lexicon)))
    part = said[:_LOOKED_AT]
    if found or lexicon is None or lexicon.share_known(part.split()) > _STRANGE:
        return found
    words = _WORD.findall(part)
    usual = lexicon.share_known(words)
    if sum(map(len, words)) < _FEW_LETTERS or usual > _STRANGE:
        return ()
    wanted = max(_SENSIBLE, 2 * usual)
    if lexicon.share_known(word[::-1] for word in words) >= wanted:
        return ((REVERSED, text[::-1]),)
    if lexicon.share_known(word.translate(_ROT13) for word in words) >= wanted:
        return ((ROTATED, _rotated(text, lexicon)),)
    return ()


def _hides(said: str, lexicon: Lexicon | None) -> bool:
    """Tell whether some word of a text is one only when it is read backwards."""
    return lexicon is None or any(
        len(word) >= _LONG and word not in lexicon and word[::-1] in lexicon
        for word in _WORD.findall(said)
    )


def _rotated(text: str, lexicon: Lexicon | None) -> str:
    """Undo rot13, but for words that are words, and would be none."""

    def rotated(match: re.Match[str]) -> str:
        word = match.group()
        other = word.translate(_ROT13)
        if lexicon and word.lower() in lexicon and other.lower() not in lexicon:
            return word
        return other

    return _LETTERS.sub(rotated, text)
