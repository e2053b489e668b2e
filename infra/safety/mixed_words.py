"""Words that mix scripts: a Cyrillic letter in an English word is a disguise."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

_WORD: Final = re.compile(r"[^\W_]+")
_GREEK: Final = re.compile("[\u0370-\u03ff]")
_LATIN: Final = re.compile("[A-Za-z\u00c0-\u024f]")
# Units and formulas mix Latin and Greek in one or two letters.
_SHORTEST_MIXED: Final = 3


@dataclass(frozen=True, slots=True)
class Unmixed:
    """A text without words that mix scripts.

    Attributes:
        text: Of the same length; words of one script stay as they are.
        other: The same, and words folded that are nothing but look-alikes, if there are any.
            They may be a disguise, or Russian.
    """

    text: str
    other: str | None


def unmix(text: str, scripts: Mapping[str, str]) -> Unmixed:
    """Fold letters of other scripts that look Latin, where they do not belong."""
    certain: list[str] = []
    possible: list[str] = []
    mixed = doubtful = single = False
    at = 0
    for match in _WORD.finditer(text):
        kind = _kind(match.group(), scripts)
        if kind is None:
            continue
        between, word = text[at : match.start()], match.group()
        folded = "".join(scripts.get(letter, letter) for letter in word)
        certain += (between, folded if kind == "mixed" else word)
        possible += (between, folded)
        mixed = mixed or kind == "mixed"
        doubtful = doubtful or (kind == "alike" and len(word) > 1)
        single = single or (kind == "alike" and len(word) == 1)
        at = match.end()
    rest = text[at:]
    # A letter alone is Russian, unless disguises stand beside it.
    doubtful = doubtful or (mixed and single)
    return Unmixed("".join(certain) + rest, "".join(possible) + rest if doubtful else None)


def _kind(word: str, scripts: Mapping[str, str]) -> Literal["mixed", "alike"] | None:
    if word.isascii():
        return None
    alike = sum(letter in scripts for letter in word)
    if not alike:
        return None
    latin = len(_LATIN.findall(word))
    digits = sum(letter.isdigit() and letter not in scripts for letter in word)
    if alike + latin + digits < len(word):
        return None
    if not latin:
        return "alike"
    return None if len(word) < _SHORTEST_MIXED and _GREEK.search(word) else "mixed"
