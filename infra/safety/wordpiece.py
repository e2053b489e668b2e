"""WordPiece, as BERT's uncased models cut text (Wu et al., 2016; Devlin et al., 2018).

Lower case, accents taken off, punctuation and CJK characters on their own, then the longest
piece of the vocabulary from the left, and so on; a word with a rest that is in no piece is one
unknown token.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

UNKNOWN: Final = "[UNK]"
LONGEST_WORD: Final = 100
"""Characters; a longer word is unknown, as in the original."""

_ASCII: Final = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# What the cache may hold: words of this length, and so many of them. A few megabytes.
_CACHED_LENGTH: Final = 24
_CACHED_WORDS: Final = 16_384
_CJK: Final = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2FA1F),
)


class WordPiece:
    """Cuts text into ids of one vocabulary. Safe for threads: the cache only repeats facts."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._id_of = {token: number for number, token in enumerate(vocabulary)}
        self._longest = max(map(len, vocabulary), default=0)
        self._unknown = self._id_of[UNKNOWN]
        self._cache: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        """How many tokens the vocabulary has."""
        return len(self._id_of)

    def id_of(self, token: str) -> int:
        """Return the id of one token, such as ``[CLS]``; ``KeyError`` if there is none."""
        return self._id_of[token]

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text's tokens, without the marks that BERT puts around them."""
        cache = self._cache
        found: list[int] = []
        for word in words(text):
            pieces = cache.get(word)
            if pieces is None:
                pieces = self._pieces(word)
                self._remember(word, pieces)
            found += pieces
        return found

    def _remember(self, word: str, pieces: tuple[int, ...]) -> None:
        if len(word) > _CACHED_LENGTH:
            return
        if len(self._cache) >= _CACHED_WORDS:
            self._cache.clear()
        self._cache[word] = pieces

    def _pieces(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST_WORD:
            return (self._unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            # No piece is longer than the longest, so no word takes quadratic time.
            mark = "##" if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                number = self._id_of.get(mark + word[start:end])
                if number is not None:
                    break
            else:
                return (self._unknown,)
            found.append(number)
            start = end
        return tuple(found)


def words(text: str) -> list[str]:
    """Return the words and marks of a text, in lower case and without accents."""
    lowered = text.lower()
    if lowered.isascii() and not _CONTROLS.search(lowered):
        return _ASCII.findall(lowered)
    marked = "".join(map(_plain, unicodedata.normalize("NFD", lowered)))
    return marked.split()


def _plain(character: str) -> str:
    """Return what stands for one character: itself, nothing, or itself between spaces."""
    if character in "\t\n\r ":
        return " "
    kind = unicodedata.category(character)
    if kind == "Mn" or kind[0] == "C":
        return ""
    if kind[0] == "Z":
        return " "
    # BERT counts signs such as $ and + of ASCII as punctuation.
    mark = kind[0] == "P" or (character.isascii() and not character.isalnum())
    alone = mark or any(first <= ord(character) <= last for first, last in _CJK)
    return f" {character} " if alone else character
