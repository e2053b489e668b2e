"""A second look at texts that leave the first one in doubt: heads on all-MiniLM-L6-v2.

It reads words in their order, errs on other texts than the first look, and takes some hundred
times as long: it is for the grey band only, and only where its encoder was fetched.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from infra.safety.classifier import HARM, scores_of
from infra.safety.encoder import Floats
from infra.safety.minilm import MiniLM, load_minilm
from infra.safety.minilm_fetch import VOCABULARY, WEIGHTS, is_fetched
from infra.safety.package_data import PACKAGE_DATA, checked
from schemas.errors import SettingsError

TRAINED: Final = "second_heads.npz"
BAND: Final = (0.25, 0.80)
"""Overall scores of the first look that leave doubt."""


class SecondOpinion:
    """Scores texts as ``TextClassifier`` does. Immutable and safe for threads.

    Attributes:
        version: Changes whenever a score may change.
    """

    def __init__(
        self, encoder: MiniLM, weights: Floats, bias: Floats, categories: tuple[str, ...]
    ) -> None:
        self.version = "1"
        self._encoder = encoder
        self._weights = weights
        self._bias = bias
        self._categories = categories

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return, for each text, a score per category and the overall one under ``harm``.

        Some 10 ms a text; of a long one the first 254 tokens count.
        """
        logits = self._encoder.vectors(texts) @ self._weights + self._bias
        return [scores_of(row[None], self._categories) for row in logits]


def is_in_doubt(scores: Mapping[str, float]) -> bool:
    """Whether the first look leaves doubt, so that a second one is worth its time."""
    least, most = BAND
    return least <= scores[HARM] <= most


def settle(first: Mapping[str, float], second: Mapping[str, float]) -> Mapping[str, float]:
    """Return the mean of two looks, for what both of them know; the rest stays."""
    return {name: (score + second.get(name, score)) / 2 for name, score in first.items()}


def open_second_opinion(encoder: Path, folder: Path | None = None) -> SecondOpinion:
    """Read the encoder from where `genq models fetch minilm` put it, and the heads.

    Raises:
        SettingsError: It is not there, or not whole.
        DamagedDataError: The heads are missing or damaged.
    """
    if not is_fetched(encoder):
        raise SettingsError(
            f"{encoder}: all-MiniLM-L6-v2 is not there; genq models fetch minilm brings it"
        )
    with np.load(checked(folder or PACKAGE_DATA, TRAINED), allow_pickle=False) as arrays:
        categories = tuple(str(name) for name in arrays["categories"])
        model = load_minilm(encoder / WEIGHTS, encoder / VOCABULARY)
        return SecondOpinion(model, arrays["weights"], arrays["bias"], categories)
