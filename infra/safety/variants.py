"""Other readings of a text: what it may say to somebody who undoes its disguise.

They are scored besides the text and never stand for it. Every step is linear in the length of
the text, and together they leave at most six readings, none much longer than the text.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from infra.safety.decoding import decode
from infra.safety.lexicon import Lexicon
from infra.safety.normalise import Normalised, normalise

SPACED: Final = "spaced_letters"
LEET: Final = "leetspeak"
REPEATED: Final = "repeated_letters"
REVERSED: Final = "reversed"
ROTATED: Final = "rot13"
GLUED: Final = "missing_spaces"
REGIONAL: Final = "regional_indicators"

_MOST: Final = 6
_SEPARATED: Final = re.compile(
    r"(?<![^\W_])[^\W\d_]( {1,3}|[.\-_*~/|,+=])[^\W_](?:\1[^\W_](?![^\W_]))+"
)
_BETWEEN: Final = re.compile(r"[.\-_*~/|,+=][^\W_][.\-_*~/|,+=]")
_LETTER: Final = re.compile(r"[^\W_]")
_TRIPLE: Final = re.compile(r"([A-Za-z])\1\1+")
_REGIONAL: Final = re.compile("[\U0001f1e6-\U0001f1ff]{3,}")
_GLUED: Final = re.compile(r"(?<![^\W_])[A-Za-z]{14,200}(?![^\W_])")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[a-z][AI])(?=[A-Z][a-z])")
_LEETED: Final = re.compile(r"(?<![A-Za-z0-9.@/\\%])[A-Za-z0-9@$!|]{3,24}(?![A-Za-z0-9@/\\])")
_DISGUISES: Final = re.compile(r"[A-Za-z][0134579@$!|]|[0134579@$!|][A-Za-z]")
_UNIT: Final = re.compile(
    r"(?i)\$?\d+(?:k|m|mm|cm|km|px|p|d|th|st|nd|rd|s|x|fps|hz|khz|mhz|ghz|kb|mb|gb|tb|g|kg|mg|ml|l|w|kw"
    r"|v|a|ah|mah|am|pm|h|hr|hrs|min|mins|sec|secs|ms|yo|yr|yrs|ft|in|inch|oz|lb|lbs|bit|bits|mp|mpx"
    r"|ers|ies|er|c|f|k?cal|e|b|bn|i|ii|th)"
)
_LABEL: Final = re.compile(
    r"[A-Za-z]{1,4}\d+[!|]*|[0-9a-f]{7,}|[^A-Za-z]+|\d+[x:]\d+|[A-Za-z]+[!|]+|[A-Z0-9]{6,}"
)
_LEET: Final = str.maketrans("013457@$!|", "oieastasil")
_LEET_OTHER: Final = str.maketrans("013457@$!|", "oleastasll")
_REVERSAL: Final = ("revers", "backward", "right to left", "right-to-left", "rückwärts")
_ROTATION: Final = ("rot13", "rot-13", "rot 13", "caesar cipher", "caesar shift")
_WORD: Final = re.compile(r"[a-z]{3,}")
_ROT13: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM",
)
_STRANGE: Final = 0.35
_SENSIBLE: Final = 0.7
_FEW_LETTERS: Final = 8
_LOOKED_AT: Final = 400
_FEW: Final = 3
_GLUED_LENGTH: Final = 14
_MANY_WORDS: Final = 4
_SIGNS: Final = frozenset("0134579@$!|")


@dataclass(frozen=True, slots=True)
class Variants:
    """Readings besides the text itself, and the names of what was undone for them."""

    texts: Sequence[str] = ()
    tricks: Sequence[str] = ()


def variants_of(read: Normalised, lexicon: Lexicon | None = None) -> Variants:
    """Return the other readings of a text, at most six.

    Args:
        read: The text, normalised.
        lexicon: Tells words from nonsense; without it, a text that is reversed or in rot13
            has to say so, and letters without spaces stay together.
    """
    found: dict[str, None] = dict.fromkeys(one for one in (read.hidden, read.unmixed) if one)
    tricks: dict[str, None] = {}
    text = read.text
    decoded = decode(text)
    if decoded:
        tricks |= dict.fromkeys(decoded.tricks)
        text = normalise(decoded.text).text
    for trick, undo in _STEPS:
        undone = undo(text, lexicon)
        if undone is not None and undone[0] != text:
            tricks[trick] = None
            found |= dict.fromkeys(undone[1:])
            text = undone[0]
    for trick, turned in _turned(text, lexicon):
        tricks[trick] = None
        found[turned] = None
    if text != read.text:
        found = {text: None} | found
    found.pop(read.text, None)
    return Variants(tuple(found)[:_MOST], tuple(tricks))


def _join_letters(text: str, lexicon: Lexicon | None) -> Sequence[str] | None:
    """Undo ``b o m b`` and ``b.o.m.b``; letters of several words are cut into words."""

    def join(match: re.Match[str]) -> str:
        letters = "".join(_LETTER.findall(match.group()))
        words = (
            lexicon.split(letters.lower()) if lexicon and len(letters) > _FEW_LETTERS else None
        )
        return " ".join(words) if words else letters

    single = sum(len(word) == 1 for word in text.split()) >= _FEW
    return (_SEPARATED.sub(join, text),) if single or _BETWEEN.search(text) else None


def _write_letters(text: str, lexicon: Lexicon | None) -> Sequence[str] | None:
    """Undo ``h4rdc0re``; where a ``1`` may be two letters, both readings count."""
    del lexicon
    if _SIGNS.isdisjoint(text) or _DISGUISES.search(text) is None:
        return None
    first = _LEETED.sub(lambda match: _unleeted(match.group(), _LEET), text)
    if first == text:
        return None
    second = _LEETED.sub(lambda match: _unleeted(match.group(), _LEET_OTHER), text)
    return (first,) if second == first else (first, second)


def _unleeted(token: str, table: dict[int, int]) -> str:
    word = token.rstrip("!|")
    rest = token[len(word) :]
    if _DISGUISES.search(word) is None or _UNIT.fullmatch(word) or _LABEL.fullmatch(word):
        return token
    letters = word.translate(table)
    return letters + rest if letters.isalpha() else token


def _shorten(text: str, lexicon: Lexicon | None) -> Sequence[str] | None:
    """Undo ``nuuude``: a letter that comes three times came once, or twice."""

    def once(match: re.Match[str]) -> str:
        letter = match.group(1)
        return match.group() if letter in "xXwWiIvV" else letter

    def twice(match: re.Match[str]) -> str:
        letter = match.group(1)
        return match.group() if letter in "xXwWiIvV" else letter * 2

    del lexicon
    if _TRIPLE.search(text) is None:
        return None
    return (_TRIPLE.sub(once, text), _TRIPLE.sub(twice, text))


def _name_regions(text: str, lexicon: Lexicon | None) -> Sequence[str] | None:
    """Undo letters that make flags: three in a row are no flags, or one and a half."""
    del lexicon

    def letters(match: re.Match[str]) -> str:
        return "".join(chr(ord(one) - 0x1F1E6 + ord("a")) for one in match.group())

    return None if text.isascii() else (_REGIONAL.sub(letters, text),)


def _cut_words(text: str, lexicon: Lexicon | None) -> Sequence[str] | None:
    """Undo ``howtomakeabomb`` and ``HowToMakeABomb``."""
    if lexicon is None or max(map(len, text.split()), default=0) < _GLUED_LENGTH:
        return None

    def cut(match: re.Match[str]) -> str:
        word = match.group()
        if word.lower() in lexicon:
            return word
        if _CAMEL.search(word):
            return _CAMEL.sub(" ", word)
        words = lexicon.split(word.lower())
        # Long words fall apart too, but into fewer parts: photo realistic.
        return " ".join(words) if words and len(words) >= _MANY_WORDS else word

    return (_GLUED.sub(cut, text),)


_Undo = Callable[[str, Lexicon | None], Sequence[str] | None]
_STEPS: Final[Sequence[tuple[str, _Undo]]] = (
    (REGIONAL, _name_regions),
    (SPACED, _join_letters),
    (LEET, _write_letters),
    (REPEATED, _shorten),
    (GLUED, _cut_words),
)


def _turned(text: str, lexicon: Lexicon | None) -> Sequence[tuple[str, str]]:
    """Return the text read backwards, or in rot13, if it says so or makes sense only so."""
    said = text.lower()
    found: list[tuple[str, str]] = []
    if any(sign in said for sign in _REVERSAL):
        found.append((REVERSED, text[::-1]))
    if any(sign in said for sign in _ROTATION):
        found.append((ROTATED, text.translate(_ROT13)))
    part = said[:_LOOKED_AT]
    if found or lexicon is None or lexicon.share_known(part.split()) > _STRANGE:
        return found
    words = _WORD.findall(part)
    if sum(map(len, words)) < _FEW_LETTERS or lexicon.share_known(words) > _STRANGE:
        return ()
    if lexicon.share_known(word[::-1] for word in words) >= _SENSIBLE:
        found.append((REVERSED, text[::-1]))
    elif lexicon.share_known(word.translate(_ROT13) for word in words) >= _SENSIBLE:
        found.append((ROTATED, text.translate(_ROT13)))
    return found
