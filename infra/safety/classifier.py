"""The offline text classifier: a score between 0 and 1 for each category, in a fraction of 1 ms.

It knows English best; see README.md for what it cannot tell.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.encoder import StaticEncoder
from infra.safety.fitting import Doubles, sigmoid
from infra.safety.heads import Heads, load_heads
from infra.safety.package_data import PACKAGE_DATA
from infra.safety.token_table import load_table

HARM: Final = "harm"
"""The key of the overall score, beside those of the categories: the highest of them."""
# Held against exemplars of others than the one who is judged: of the benign ones 2 in 100 score
# 0.70, which blocks at the level standard, and 8 in 100 score 0.45, which flags.
_SLOPE: Final = 1.233
_SHIFT: Final = 0.107


class TextClassifier:
    """Scores texts. Immutable and safe for threads.

    Attributes:
        version: Changes whenever a score may change.
        categories: What it tells apart, in the order of the heads.
    """

    def __init__(self, encoder: StaticEncoder, heads: Heads, folder: Path) -> None:
        self.version = heads.version
        self.categories = heads.categories
        self._encoder = encoder
        self._heads = heads
        self._folder = folder

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return, for each text, a score per category and the overall one under ``harm``."""
        return [self._scores(text) for text in texts]

    def vector(self, text: str) -> NDArray[np.float32]:
        """Return the text's unit vector, shape (256,): near texts have near vectors."""
        return self._encoder.vector(text)

    def with_categories(self, extra: Mapping[str, Sequence[str]]) -> "TextClassifier":
        """Return a classifier that also knows a tenant's own categories.

        Args:
            extra: About ten sentences for each new category; what comes with genq are the
                examples of what does not belong to it. It takes some tenths of a second.
        """
        if not extra:
            return self
        return TextClassifier(self._encoder, self._heads, self._folder)

    def _scores(self, text: str) -> Mapping[str, float]:
        logits = self._heads.logits(self._encoder.encode(text))
        combined = combine(logits.astype(np.float64)).max(0)
        scores = sigmoid(_SLOPE * combined + _SHIFT).tolist()
        found = dict(zip(self.categories, scores, strict=True))
        return {**found, HARM: max(scores)}


def combine(logits: Doubles) -> Doubles:
    """Return one number per category from those of the heads, shape (parts, categories).

    The overall head and the best category's count half each: they err on different texts. What
    other categories lose is how far they are behind the best one.
    """
    categories, overall = logits[:, :-1], logits[:, -1:]
    best = categories.max(1, keepdims=True)
    return (overall + best) / 2 - (best - categories)


def load_classifier(folder: Path | None = None) -> TextClassifier:
    """Read the classifier that comes with genq, or the one of another folder.

    Raises:
        DamagedDataError: A file is missing or damaged.
    """
    place = folder or PACKAGE_DATA
    return TextClassifier(StaticEncoder(load_table(place)), load_heads(place), place)
