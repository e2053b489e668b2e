"""A second look at texts that leave the first one in doubt: heads on all-MiniLM-L6-v2.

It reads words in their order, errs on other texts than the first look, and takes some hundred
times as long: it is for the grey band only, and only where its encoder was fetched.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from infra.safety.classifier import TextClassifier, load_classifier, scores_of
from infra.safety.encoder import Floats
from infra.safety.minilm import MiniLM, load_minilm
from infra.safety.minilm_fetch import VOCABULARY, WEIGHTS, is_fetched
from infra.safety.package_data import PACKAGE_DATA, checked, digest_of
from schemas.errors import SettingsError

TRAINED: Final = "second_heads.npz"
# So that as many benign exemplars score 0.45 and 0.70 as in the first look.
_SLOPE: Final = 0.853
_SHIFT: Final = -1.36


class SecondOpinion:
    """Scores texts as ``TextClassifier`` does. Immutable and safe for threads.

    Attributes:
        version: Changes whenever a score may change.
    """

    def __init__(
        self,
        encoder: MiniLM,
        weights: Floats,
        bias: Floats,
        categories: tuple[str, ...],
        version: str,
    ) -> None:
        self.version = version
        self._encoder = encoder
        self._weights = weights
        self._bias = bias
        self._categories = categories

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return, for each text, a score per category and the overall one under ``harm``.

        Some 10 ms a text; of a long one the first 254 tokens count.
        """
        logits = self._encoder.vectors(texts) @ self._weights + self._bias
        return [scores_of(row[None], self._categories, _SLOPE, _SHIFT) for row in logits]


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
    heads = checked(folder or PACKAGE_DATA, TRAINED)
    with np.load(heads, allow_pickle=False) as arrays:
        categories = tuple(str(name) for name in arrays["categories"])
        model = load_minilm(encoder / WEIGHTS, encoder / VOCABULARY)
        return SecondOpinion(
            model, arrays["weights"], arrays["bias"], categories, digest_of(heads)[:12]
        )


def open_classifier(encoder: Path | None) -> TextClassifier:
    """Return the classifier that comes with genq, with a second opinion if there is an encoder.

    Raises:
        SettingsError: The encoder is not there, or not whole.
        DamagedDataError: A file of the package is missing or damaged.
    """
    classifier = load_classifier()
    if encoder is None:
        return classifier
    opinion = open_second_opinion(encoder)
    return classifier.with_second(opinion.scores, opinion.version)
