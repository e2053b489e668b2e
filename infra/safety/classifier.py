"""The offline text classifier: a score between 0 and 1 for each category, in a fraction of 1 ms.

It knows English best; see README.md for what it cannot tell.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.encoder import StaticEncoder
from infra.safety.exemplars import read_exemplars
from infra.safety.heads import Heads, load_heads, sigmoid, with_heads
from infra.safety.package_data import PACKAGE_DATA
from infra.safety.token_table import load_table

HARM: Final = "harm"
"""The key of the overall score, beside those of the categories."""


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
        negatives = [exemplar.text for exemplar in read_exemplars(self._folder)]
        others = self._encoder.vectors(negatives)
        vectors = {name: self._encoder.vectors(texts) for name, texts in extra.items()}
        return TextClassifier(
            self._encoder, with_heads(self._heads, vectors, others), self._folder
        )

    def _scores(self, text: str) -> Mapping[str, float]:
        logits = self._heads.logits(self._encoder.parts(text)).max(0)
        chances = sigmoid(logits.astype(np.float64))
        return dict(zip((*self.categories, HARM), chances.tolist(), strict=True))


def load_classifier(folder: Path | None = None) -> TextClassifier:
    """Read the classifier that comes with genq, or the one of another folder.

    Raises:
        DamagedDataError: A file is missing or damaged.
    """
    place = folder or PACKAGE_DATA
    return TextClassifier(StaticEncoder(load_table(place)), load_heads(place), place)
