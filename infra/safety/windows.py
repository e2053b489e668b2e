"""Which parts of a text are looked at by themselves.

One bad sentence among a hundred good ones disappears in the mean over all of them, so the whole
text counts, and each stretch of 128 and of 32 tokens; the worst of them speaks for the text.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

LENGTHS: Final = (128, 32)
"""Of windows, in tokens; the next one begins after three quarters of a window."""
LONGEST: Final = 8192
"""Tokens of a text that are looked at: policies refuse longer prompts well before."""


def spans(tokens: int) -> list[tuple[int, int]]:
    """Return first and last (exclusive) token of each part; the whole text comes first."""
    found = [(0, tokens)]
    for length in LENGTHS:
        if tokens > length:
            found += [
                (min(start, tokens - length), min(start, tokens - length) + length)
                for start in range(0, tokens - length // 4, length * 3 // 4)
            ]
    return found


def means(rows: NDArray[np.float32], spans: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """Return the mean of the rows of each span, shape (spans, columns)."""
    if len(spans) == 1:
        # As ``mean`` does it, without its preparations.
        return np.divide(np.add.reduce(rows, 0, keepdims=True), len(rows), dtype=np.float32)
    edges = np.array(spans)
    sums = np.concatenate([np.zeros((1, rows.shape[1])), rows.cumsum(0, dtype=np.float64)])
    lengths = (edges[:, 1] - edges[:, 0])[:, None]
    return ((sums[edges[:, 1]] - sums[edges[:, 0]]) / lengths).astype(np.float32)
