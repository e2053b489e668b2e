"""Which words there are, and how often: to tell a disguised word from a real one."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_DATA: Final = Path(__file__).parent / "data"
_VOCABULARY: Final = "vocabulary.txt"
_EXTRA: Final = "extra_words.txt"
_LONGEST_WORD: Final = 16
_WORD: Final = re.compile(r"[a-z]{2,16}")
_SINGLE: Final = ("a", "i")
# The vocabulary is in the order of how common a word is, but for its first thousand signs.
_FIRST_WORD: Final = 1_000
_EXTRA_RANK: Final = 12_000
_LONGEST_GLUED: Final = 400


class Lexicon:
    """Words of English in lower case, each with a cost: the rarer, the higher."""

    def __init__(self, ranks: Mapping[str, int]) -> None:
        self._cost = {word: math.log(rank + 2) + 1.5 for word, rank in ranks.items()}

    def __contains__(self, word: object) -> bool:
        """Tell whether there is such a word."""
        return word in self._cost

    def share_known(self, words: Iterable[str]) -> float:
        """Return which share of the letters of these words stands in words that there are."""
        known = total = 0
        for word in words:
            total += len(word)
            if word in self._cost:
                known += len(word)
        return known / total if total else 0.0

    def split(self, glued: str) -> list[str] | None:
        """Return the words of a string that was written without spaces.

        The cheapest sequence of words (Viterbi, 1967), at most 16 letters each, so the time is
        linear. ``None`` if there is none, or it is longer than 400 letters.
        """
        if len(glued) > _LONGEST_GLUED:
            return None
        best = [0.0] + [math.inf] * len(glued)
        cut = [0] * (len(glued) + 1)
        for end in range(1, len(glued) + 1):
            for start in range(max(0, end - _LONGEST_WORD), end):
                cost = best[start] + self._cost.get(glued[start:end], math.inf)
                if cost < best[end]:
                    best[end], cut[end] = cost, start
        if math.isinf(best[-1]):
            return None
        words: list[str] = []
        end = len(glued)
        while end:
            words.append(glued[cut[end] : end])
            end = cut[end]
        return words[::-1]


def read_lexicon(folder: Path = _DATA) -> Lexicon:
    """Return the words of the classifier's vocabulary, and some that it lacks; takes 10 ms."""
    lines = (folder / _VOCABULARY).read_text("utf-8").split("\n")
    extra = (folder / _EXTRA).read_text("utf-8").split()
    ranks = {word: _EXTRA_RANK for word in extra if not word.startswith("#")}
    ranks |= {
        word: max(rank - _FIRST_WORD, 0)
        for rank, word in enumerate(lines)
        if _WORD.fullmatch(word) or word in _SINGLE
    }
    return Lexicon(ranks)
