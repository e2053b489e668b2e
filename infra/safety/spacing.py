"""Spaces where none belong, and none where they do: b o m b, b.o.m.b, howtomakeabomb."""

import re
from typing import Final

from infra.safety.lexicon import Lexicon

_SIGNS: Final = r"[.\-_*~/|,+=]"
_RUN: Final = re.compile(
    rf"(?<![^\W_])[^\W\d_]( {{1,3}}|{_SIGNS})[^\W_](?:\1(?:[^\W_]|')(?![^\W_]))+"
)
_BETWEEN: Final = re.compile(rf"{_SIGNS}[^\W_]{_SIGNS}")
# Words of two letters, once there are longer ones: t.o, and t o between wider gaps.
_PAIR: Final = re.compile(
    r"(?<![^\W_])(?<![^\W_][.\-_*~/|+=])([^\W\d_])[.\-_*~/|+=]([^\W\d_])(?![^\W_])"
    r"|(?<!\S )(?<!\S)([^\W\d_]) ([^\W\d_])(?!\S)(?! \S)"
)
_LETTER: Final = re.compile(r"[^\W_]|'")
_GLUED: Final = re.compile(r"(?<![^\W_])[A-Za-z]{14,300}(?![^\W_])")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[a-z][AI])(?=[A-Za-z][a-z])")
_FEW: Final = 3
_GLUED_LENGTH: Final = 14
_MANY_WORDS: Final = 4
_LONG: Final = 8


def joined(text: str, lexicon: Lexicon | None) -> tuple[str, ...]:
    """Put letters together that stand apart; those of several words are cut into words."""

    def join(match: re.Match[str]) -> str:
        letters = "".join(_LETTER.findall(match.group()))
        if sum(map(str.isalpha, letters)) < _FEW:
            return match.group()
        return "'".join(_in_words(part, lexicon) for part in letters.split("'"))

    single = sum(len(word) == 1 for word in text.split()) >= _FEW
    if not single and _BETWEEN.search(text) is None:
        return ()
    found = _RUN.sub(join, text)
    if found == text:
        return ()
    return (_PAIR.sub(lambda match: "".join(one or "" for one in match.groups()), found),)


def cut(text: str, lexicon: Lexicon | None) -> tuple[str, ...]:
    """Cut what was written without spaces; long words of science stay whole."""
    if lexicon is None or max(map(len, text.split()), default=0) < _GLUED_LENGTH:
        return ()

    def words_of(match: re.Match[str]) -> str:
        word = match.group()
        if word.lower() in lexicon:
            return word
        parts = _CAMEL.split(word)
        return " ".join(_parted(part, lexicon, known=len(parts) > 1) for part in parts)

    return (_GLUED.sub(words_of, text),)


def _in_words(letters: str, lexicon: Lexicon | None) -> str:
    words = lexicon.split(letters.lower()) if lexicon and len(letters) > _LONG else None
    return " ".join(words) if words else letters


def _parted(word: str, lexicon: Lexicon, *, known: bool) -> str:
    if len(word) < _GLUED_LENGTH and known:
        return word
    words = lexicon.split(word.lower())
    # Long words fall apart too, but into fewer parts: photo realistic.
    return " ".join(words) if words and len(words) >= _MANY_WORDS else word
