"""One vector for each token, distilled from all-MiniLM-L6-v2: meaning without a model.

The vectors are signed bytes; each row has a scale that gives it length 1. How much a token
counts follows from its place in the vocabulary, which is in the order of frequency: SIF (Arora
et al., 2017) over Zipf's law, as model2vec does it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.minilm import read_vocabulary
from infra.safety.package_data import checked
from infra.safety.wordpiece import WordPiece

VECTORS: Final = "token_vectors.npy"
SCALES: Final = "token_scales.npy"
VOCABULARY: Final = "vocabulary.txt"
WIDTH: Final = 256
_COMMONEST: Final = "the"
# SIF's a: a token as frequent as this counts half.
_HALF: Final = 1e-3


class TokenTable:
    """The vocabulary, and a vector and a weight of each token."""

    def __init__(
        self, vectors: NDArray[np.int8], scales: NDArray[np.float32], vocabulary: list[str]
    ) -> None:
        self.wordpiece = WordPiece(vocabulary)
        self._vectors = vectors
        self._scales = (scales * token_weights(vocabulary))[:, None]

    def weighted(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of tokens, as long as their weights, shape (tokens, 256)."""
        vectors, scales = self._vectors.take(ids, 0), self._scales.take(ids, 0)
        return np.multiply(vectors, scales, dtype=np.float32)


def load_table(folder: Path) -> TokenTable:
    """Read the table; its vectors stay in the file, which all processes share in memory.

    Raises:
        DamagedDataError: A file is missing or damaged.
    """
    mapped: NDArray[np.int8] = np.load(checked(folder, VECTORS), mmap_mode="r")
    # The same memory as an ordinary array: rows of a memmap take several times as long.
    vectors = mapped.view(np.ndarray)
    scales: NDArray[np.float16] = np.load(checked(folder, SCALES))
    words = checked(folder, VOCABULARY).read_text("utf-8")
    return TokenTable(vectors, scales.astype(np.float32), read_vocabulary(words))


def token_weights(vocabulary: Sequence[str]) -> NDArray[np.float32]:
    """Return how much each token counts: the rarer, the more.

    The vocabulary begins with signs and letters; words follow in the order of frequency.
    """
    first = vocabulary.index(_COMMONEST)
    share: NDArray[np.float64] = 1 / np.maximum(1, np.arange(len(vocabulary)) - first + 1)
    share /= share[first:].sum()
    weights: NDArray[np.float64] = _HALF / (_HALF + share)
    weights[:first] = [_weight_of_sign(token) for token in vocabulary[:first]]
    return weights.astype(np.float32)


def _weight_of_sign(token: str) -> float:
    if not token.isascii():
        return 1.0
    return 0.5 if token.isalnum() or len(token) > 1 else 0.1
