"""A text as numbers: what it is about, and which words and pairs of words stand in it.

The mean of its token vectors, weighted so that rare words count more, tells what a text is
about, also in words that no exemplar has. Tokens and pairs of neighbours, each with a weight of
its own, tell "kill the process" from "kill the neighbour".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety import windows
from infra.safety.token_table import WIDTH, TokenTable

Floats = NDArray[np.float32]
Keys = NDArray[np.int64]

PAIRS: Final = 1 << 15
"""Places for pairs of tokens, which share them by chance (Weinberger et al., 2009)."""
BRACKETS: Final = ("[", "]")
"""Say nothing of what a text is about: in exemplars they stand around what is not spelled out,
elsewhere around a tag, a name to be filled in, a footnote."""
_MARKS: Final = 2  # begin and end of a text
_LEAST: Final = np.float32(1e-9)
_MIX: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(49))


@dataclass(frozen=True, slots=True)
class Encoding:
    """One text and its parts; the whole text is the first.

    Attributes:
        means: Unit vectors, shape (parts, 256).
        keys: Of each part, the tokens and pairs that stand in it.
        shares: What each of them counts in a part, shape (parts,): less in a long one.
    """

    means: Floats
    keys: Sequence[Keys]
    shares: Floats


class StaticEncoder:
    """Turns texts into numbers, by looking up one row of a table for each token."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table
        self._tokens = len(table.wordpiece)
        self.places = self._tokens + _MARKS + PAIRS
        self._brackets = [table.wordpiece.id_of(one) for one in BRACKETS]
        numbers = np.arange(self._tokens + _MARKS, dtype=np.uint64)
        self._left, self._right = numbers * _MIX[0], numbers * _MIX[1]

    def encode(self, text: str, *, parts: bool = True) -> Encoding:
        """Return a text as numbers, by itself or with its parts."""
        ids = np.array(self._table.wordpiece.ids(text)[: windows.LONGEST], np.int64)
        if any(one in text for one in BRACKETS):
            ids = ids[~np.isin(ids, self._brackets)]
        spans = windows.spans(len(ids)) if parts else [(0, len(ids))]
        shares = [1 / math.sqrt(max(1, last - first)) for first, last in spans]
        return Encoding(
            self._means(ids, spans), self._keys(ids, spans), np.array(shares, np.float32)
        )

    def vector(self, text: str) -> Floats:
        """Return the unit vector of a whole text, shape (256,)."""
        return self.encode(text, parts=False).means[0]

    def _means(self, ids: Keys, spans: Sequence[tuple[int, int]]) -> Floats:
        if not len(ids):
            return np.zeros((1, WIDTH), np.float32)
        weighted = self._table.weighted(ids)
        return _unit(windows.means(weighted, spans))

    def _keys(self, ids: Keys, spans: Sequence[tuple[int, int]]) -> list[Keys]:
        begin, end = self._tokens, self._tokens + 1
        marked = np.empty(len(ids) + 2, np.int64)
        marked[0], marked[1:-1], marked[-1] = begin, ids, end
        pairs = self._places_of_pairs(marked)
        if len(spans) == 1:
            return [_once(np.concatenate((marked, pairs)))]
        found: list[Keys] = []
        for first, last in spans:
            # The marks, and the pairs that they are in, belong to the parts at the edges.
            left, right = first + (first > 0), last + 1 + (last == len(ids))
            keys = np.concatenate([marked[left:right], pairs[left : right - 1]])
            found.append(_once(keys))
        return found

    def _places_of_pairs(self, tokens: Keys) -> Keys:
        """Return the places of pairs of neighbours, spread by multiplication."""
        one, _, shift = _MIX
        mixed = self._left.take(tokens[:-1]) ^ self._right.take(tokens[1:])
        mixed *= one
        mixed >>= shift
        places = mixed.view(np.int64)
        places += self._tokens + _MARKS
        return places


def _once(keys: Keys) -> Keys:
    """Return keys in their order, each once: ``np.unique`` takes four times as long."""
    keys.sort()
    new = np.empty(len(keys), np.bool_)
    new[0] = True
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return keys[new]


def _unit(rows: Floats) -> Floats:
    """Return rows of length 1; a row of zeros stays one."""
    squares = np.add.reduce(np.square(rows), 1, keepdims=True)
    return np.divide(rows, np.maximum(np.sqrt(squares), _LEAST), dtype=np.float32)
