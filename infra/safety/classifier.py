"""The offline text classifier: a score between 0 and 1 for each category, in a fraction of 1 ms.

It reads no prompt's words in order and knows English best; see README.md for what that means.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.encoder import StaticEncoder
from infra.safety.heads import Heads, fit, sigmoid
from infra.safety.package_data import PACKAGE_DATA, checked
from infra.safety.token_table import load_table

HARM: Final = "harm"
"""The key of the overall score, beside those of the categories."""
TRAINED: Final = "heads.npz"
_PENALTY: Final = 3e-4


class TextClassifier:
    """Scores texts. Immutable and safe for threads.

    Attributes:
        version: Changes whenever a score may change.
        categories: What it tells apart, in the order of the heads.
    """

    def __init__(
        self, encoder: StaticEncoder, heads: Heads, categories: tuple[str, ...], version: str
    ) -> None:
        self.version = version
        self.categories = categories
        self._encoder = encoder
        self._heads = heads

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return, for each text, a score per category and the overall one under ``harm``."""
        return [self._scores(text) for text in texts]

    def vector(self, text: str) -> NDArray[np.float32]:
        """Return the text's unit vector, shape (256,): near texts have near vectors."""
        return self._encoder.vector(text)

    def _scores(self, text: str) -> Mapping[str, float]:
        logits = self._heads.logits(self._encoder.parts(text)).max(0)
        chances = sigmoid(logits.astype(np.float64))
        return dict(zip((*self.categories, HARM), chances.tolist(), strict=True))
