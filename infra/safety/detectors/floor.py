"""Patterns of what is never made: the first detector that looks, and the last word it has."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from infra.safety.nearness import Hit, NearRules, read_rules
from infra.safety.normalise import plain
from infra.safety.package_data import PACKAGE_DATA
from infra.safety.reading import Reading
from schemas.safety import FLOORS, Finding, Medium, Span, Stage

RULES: Final = PACKAGE_DATA / "floor_rules.toml"

# What a negative prompt lists stands between these, each for itself.
_LISTED: Final = re.compile(r"[^,;|\n]+")
# ``no nudity``: who writes that asks for none. What comes behind it counts.
_NEGATED: Final = re.compile(
    r"\s*(?:no|not|without|avoid|never|do not|don['\u2019]?t)\s[^.!?:\uff1a\u3002]*",
    re.IGNORECASE,
)
_NAMES: Final = 3
_NAMES_LETTERS: Final = 32
"""Words, and letters, that only name what is to stay away: for that there are such lists."""


class FloorDetector:
    """Finds the three categories that no policy can loosen, by words near each other.

    It knows English best, and some German, French, Spanish and Chinese. Of a negative prompt
    it reads each part of the list by itself: ``nude, child`` asks for nothing, a sentence does,
    unless it begins with a negation.
    """

    name: Final = "FloorDetector"
    stages: Final = frozenset(Stage)
    media: Final = frozenset({Medium.TEXT})

    def __init__(self, rules: NearRules) -> None:
        self.version = rules.version
        self._rules = rules

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return at most one finding for each category, with the rules that held."""
        if reading.subject.negative:
            hits = list(self._listed(reading))
        else:
            own = self._rules.hits(reading.plain, reading.text, reading.openings)
            hits = [(hit, True) for hit in own]
            for variant in reading.variants:
                hits += [(hit, False) for hit in self._rules.hits(plain(variant), variant)]
        if not hits:
            return ()
        return [
            self._finding(category, found, reading)
            for category in FLOORS
            if (found := [hit for hit in hits if hit[0].rule.category == category])
        ]

    def _listed(self, reading: Reading) -> Iterator[tuple[Hit, bool]]:
        """Yield what each part of a list says by itself, if it says more than a name."""
        for text in (reading.text, *reading.variants):
            own = text is reading.text
            for part in _LISTED.finditer(text):
                said, start = part.group(), part.start()
                if negated := _NEGATED.match(said):
                    said, start = said[negated.end() :], start + negated.end()
                if len(said.split()) <= _NAMES and len(said) <= _NAMES_LETTERS:
                    continue
                for hit in self._rules.hits(plain(said), said):
                    yield replace(hit, start=hit.start + start, end=hit.end + start), own

    def _finding(
        self, category: str, hits: Sequence[tuple[Hit, bool]], reading: Reading
    ) -> Finding:
        spans = {reading.span(hit.start, hit.end): None for hit, own in hits if own}
        names = dict.fromkeys(hit.rule.name for hit, _ in hits)
        evidence = {"rules": list(names), "disguised": not spans}
        return Finding(
            self.name,
            self.version,
            category,
            max(hit.rule.score for hit, _ in hits),
            tuple(sorted(spans, key=_start)),
            evidence=evidence,
        )


def open_floor_detector(file: Path = RULES) -> FloorDetector:
    """Return the detector with the rules that come with genq; takes about 50 ms."""
    return FloorDetector(read_rules(file))


def _start(span: Span) -> int:
    return span.start
