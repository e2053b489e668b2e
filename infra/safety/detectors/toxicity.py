"""The offline classifier as a detector: the worst reading of a text speaks for it."""

from collections.abc import Sequence
from typing import Final

from infra.safety.classifier import HARM, TextClassifier
from infra.safety.reading import Reading
from schemas.safety import Finding, Medium, Stage

_WORTH_TELLING: Final = 0.05
# Scores are kept with four places: a verdict is the same on every machine.
_PLACES: Final = 4


class ToxicityFilter:
    """Scores every category of the classifier, over the text and its other readings."""

    name = "ToxicityFilter"
    stages = frozenset(Stage)
    media = frozenset({Medium.TEXT})

    def __init__(self, classifier: TextClassifier) -> None:
        self.version = classifier.version
        self._classifier = classifier

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return a finding for each category that scored at all."""
        texts = [reading.text, *reading.variants]
        raw = reading.subject.text
        # What the text says to whoever does not undo its tricks: evasion is told by that.
        plain = self._classifier.scores([raw])[0] if reading.tricks else None
        scores = self._classifier.scores(texts)
        highest = {name: max(one[name] for one in scores) for name in scores[0]}
        return [
            Finding(
                self.name,
                self.version,
                category,
                round(score, _PLACES),
                evidence={} if plain is None else {"plain": round(plain[category], _PLACES)},
            )
            for category, score in highest.items()
            if score >= _WORTH_TELLING and category != HARM
        ]
