"""The offline classifier as a detector: the worst reading of a text speaks for it."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from infra.safety.classifier import HARM, TextClassifier
from infra.safety.reading import Reading
from infra.safety.sentences import MOST, looked_at, pieces_of
from schemas.safety import Coverage, Finding, Medium, Stage

_WORTH_TELLING: Final = 0.05
# Scores are kept with four places: a verdict is the same on every machine.
_PLACES: Final = 4
# Among many sentences one is conspicuous by chance: each must be so much the surer. In parts of
# the logarithm of their number, of which 1 would be what Bonferroni asks for. Whoever hides a
# sentence writes a prompt; a model that goes wrong does so in more than one.
_DOUBT: Final = {Stage.PROMPT: 0.5, Stage.CONTEXT: 0.75, Stage.OUTPUT: 0.75}
_EDGE: Final = 1e-6


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
        doubt = _DOUBT[reading.subject.stage]
        scores, whole = self._scores(reading.text, doubt)
        for variant in reading.variants:
            there, all_of_it = self._scores(variant, doubt)
            scores = {name: max(score, there[name]) for name, score in scores.items()}
            whole = whole and all_of_it
        # What the text says to whoever does not undo its tricks: evasion is told by that.
        plain = self._scores(reading.subject.text, doubt)[0] if reading.tricks else None
        coverage = Coverage.FULL if whole else Coverage.PARTIAL
        return [
            Finding(
                self.name,
                self.version,
                category,
                round(score, _PLACES),
                coverage=coverage,
                evidence={} if plain is None else {"plain": round(plain[category], _PLACES)},
            )
            for category, score in scores.items()
            if category != HARM and (score >= _WORTH_TELLING or not whole)
        ]

    def _scores(self, text: str, doubt: float) -> tuple[Mapping[str, float], bool]:
        """Return the scores of a text, and whether all of it was looked at."""
        pieces = pieces_of(text)
        found = self._classifier.scores(looked_at(pieces) or [text])
        if len(found) == 1:
            return found[0], True
        least = doubt * math.log(len(found))
        highest = {name: max(one[name] for one in found) for name in found[0]}
        told = {name: _lowered(score, least) for name, score in highest.items()}
        return told, len(pieces) <= MOST


def _lowered(score: float, by: float) -> float:
    """Return a score whose logit is lower."""
    held = min(max(score, _EDGE), 1 - _EDGE)
    return 1 / (1 + (1 - held) / held * math.exp(by))
