"""The offline text classifier: a score from 0 to 1 for each category, in a tenth of a ms.

It knows English best; README.md says what it cannot tell.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from infra.safety.encoder import Encoding, Floats, StaticEncoder
from infra.safety.exemplars import read_exemplars
from infra.safety.heads import Heads, load_heads
from infra.safety.own_heads import OwnHead, learn
from infra.safety.package_data import PACKAGE_DATA
from infra.safety.token_table import load_table
from schemas.safety import FLOORS

HARM: Final = "harm"
"""The key of the overall score, the highest of those of the categories that come with genq."""

# Held against prompts that were not learnt from, by two authors (tests/eval_safety): of the
# benign ones about 2 in 100 score 0.70, which blocks at the level standard, and 8 in 100 score
# 0.45, which flags.
SLOPE: Final = 0.918
SHIFT: Final = -0.372
# What no policy lets pass is better asked about once too often.
_FLOOR_SHIFT: Final = 0.3
# Where more evidence stops to count: else the second of two categories would score high too.
_CERTAIN: Final = 3.0


BAND: Final = (0.25, 0.80)
"""Overall scores that leave doubt."""

Second = Callable[[Sequence[str]], Sequence[Mapping[str, float]]]
"""Whoever scores texts by other means; asked where there is doubt."""


class TextClassifier:
    """Scores texts. Immutable and safe for threads.

    Attributes:
        version: Changes whenever a score may change.
        categories: What it tells apart.
    """

    def __init__(
        self,
        encoder: StaticEncoder,
        heads: Heads,
        folder: Path,
        *,
        own: Mapping[str, OwnHead] = MappingProxyType({}),
        second: Second | None = None,
        second_version: str = "",
    ) -> None:
        self.version = _version(heads, own) + second_version
        self.categories = (*heads.categories, *own)
        self._encoder = encoder
        self._heads = heads
        self._folder = folder
        self._own = own
        self._second = second
        self._second_version = second_version

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return, for each text, a score per category and the overall one under ``harm``."""
        found = [self._scores(self._encoder.encode(text)) for text in texts]
        if self._second is None:
            return found
        doubtful = [number for number, scores in enumerate(found) if is_in_doubt(scores)]
        if not doubtful:
            return found
        opinions = self._second([texts[number] for number in doubtful])
        for number, opinion in zip(doubtful, opinions, strict=True):
            found[number] = settle(found[number], opinion)
        return found

    def vector(self, text: str) -> Floats:
        """Return the text's unit vector, shape (256,): near texts have near vectors."""
        return self._encoder.vector(text)

    def with_categories(self, extra: Mapping[str, Sequence[str]]) -> "TextClassifier":
        """Return a classifier that also knows a tenant's own categories.

        Args:
            extra: About ten sentences for each new category. The exemplars that come with genq
                are the examples of what does not belong to it. Takes some tenths of a second.
        """
        if not extra:
            return self
        others = self._vectors([exemplar.text for exemplar in read_exemplars(self._folder)])
        learnt = {name: learn(self._vectors(texts), others) for name, texts in extra.items()}
        own = {**self._own, **learnt}
        return self._with(own, self._second, self._second_version)

    def with_second(self, second: Second, version: str) -> "TextClassifier":
        """Return a classifier that asks somebody else too where it is in doubt."""
        return self._with(self._own, second, f"+{version}")

    def _with(
        self, own: Mapping[str, OwnHead], second: Second | None, version: str
    ) -> "TextClassifier":
        return TextClassifier(
            self._encoder,
            self._heads,
            self._folder,
            own=own,
            second=second,
            second_version=version,
        )

    def _vectors(self, texts: Sequence[str]) -> Floats:
        return np.stack([self._encoder.vector(text) for text in texts])

    def _scores(self, encoding: Encoding) -> Mapping[str, float]:
        found = scores_of(self._heads.logits(encoding), self._heads.categories)
        if not self._own:
            return found
        own = {name: head.score(encoding.means) for name, head in self._own.items()}
        return {**found, **own}


def scores_of(
    logits: Floats, categories: tuple[str, ...], slope: float = SLOPE, shift: float = SHIFT
) -> Mapping[str, float]:
    """Return the scores of a text's worst parts from the logits of the heads."""
    # Of a dozen numbers plain arithmetic is faster than arrays.
    highest = combine(logits.tolist())
    scores = {
        name: 0.5 * (1 + math.tanh(0.5 * (slope * one + shift + raised)))
        for name, one, raised in zip(categories, highest, _raised(categories), strict=True)
    }
    return {**scores, HARM: max(scores.values())}


@lru_cache(maxsize=8)
def _raised(categories: tuple[str, ...]) -> tuple[float, ...]:
    return tuple(_FLOOR_SHIFT if name in FLOORS else 0.0 for name in categories)


def is_in_doubt(scores: Mapping[str, float]) -> bool:
    """Whether a second opinion is worth its time."""
    least, most = BAND
    return least <= scores[HARM] <= most


def settle(first: Mapping[str, float], second: Mapping[str, float]) -> Mapping[str, float]:
    """Return the mean of two opinions, for what both of them know; the rest stays."""
    return {name: (score + second.get(name, score)) / 2 for name, score in first.items()}


def combine(logits: Sequence[Sequence[float]]) -> list[float]:
    """Return one number per category, of the worst part, from those of the heads.

    The overall head and the best category's count half each: they err on different texts. What
    another category loses is how far its head is behind the best one.

    Args:
        logits: Of each part, those of the categories and the overall one.
    """
    highest: list[float] = []
    for *categories, overall in logits:
        best = max(categories)
        ahead = min((overall + best) / 2, _CERTAIN) - best
        found = [one + ahead for one in categories]
        highest = list(map(max, highest, found)) if highest else found
    return highest


def load_classifier(folder: Path | None = None) -> TextClassifier:
    """Read the classifier that comes with genq, or the one of another folder.

    Raises:
        DamagedDataError: A file is missing or damaged.
    """
    place = folder or PACKAGE_DATA
    return TextClassifier(StaticEncoder(load_table(place)), load_heads(place), place)


def _version(heads: Heads, own: Mapping[str, OwnHead]) -> str:
    if not own:
        return heads.version
    digest = hashlib.sha256(heads.version.encode())
    for name, head in own.items():
        digest.update(name.encode() + head.sentences.tobytes())
    return digest.hexdigest()[:12]
