"""A text as vectors: one for all of it, and one for each part of a long text."""

import numpy as np
from numpy.typing import NDArray

from infra.safety import windows
from infra.safety.token_table import WIDTH, TokenTable

Floats = NDArray[np.float32]


class StaticEncoder:
    """Means of token vectors, weighted so that rare words count more than common ones."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table

    def parts(self, text: str) -> Floats:
        """Return a unit vector for the text and each window of it, shape (parts, 256).

        A text without a token has one part of zeros.
        """
        ids = np.array(self._table.wordpiece.ids(text)[: windows.LONGEST], np.intp)
        if not len(ids):
            return np.zeros((1, WIDTH), np.float32)
        weighted = self._table.vectors(ids) * self._table.weights[ids, None]
        return unit(windows.means(weighted, windows.spans(len(ids))))

    def vector(self, text: str) -> Floats:
        """Return the unit vector of a whole text, shape (256,)."""
        return self.parts(text)[0]

    def vectors(self, texts: list[str]) -> Floats:
        """Return the unit vectors of whole texts, shape (texts, 256)."""
        return np.stack([self.vector(text) for text in texts])


def unit(rows: Floats) -> Floats:
    """Return rows of length 1; a row of zeros stays one."""
    lengths = np.sqrt(np.square(rows).sum(1, keepdims=True))
    return rows / np.maximum(lengths, np.float32(1e-9))
