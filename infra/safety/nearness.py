"""Rules of words that stand near each other: what the floor patterns are made of.

A rule names sets of patterns, and holds where something of each set stands within some
characters of the others. That needs one pass for each set, and no pattern that looks back and
forth, so it stays linear; and no pattern is tried unless a word of the text begins like it.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from infra.safety.openings import openings, openings_of

_CONTEXT: Final = 160
"""Characters before and after what was found in which its innocence may be told."""
_MOST: Final = 400
"""Places of a set that are looked at; who writes more of one kind is found by the first."""
Place = tuple[int, int]


class WordSet:
    """Patterns for whole words, of which only those are tried that a text may have."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = tuple(patterns)
        self._compiled: dict[int, re.Pattern[str]] = {}
        self._by_opening: dict[str, list[int]] = {}
        for number, pattern in enumerate(patterns):
            for opening in openings(pattern):
                self._by_opening.setdefault(opening, []).append(number)
        self.openings = frozenset(self._by_opening)

    def places(self, text: str, begin: frozenset[str]) -> Sequence[Place]:
        """Return where a text has them, the first 400.

        Args:
            text: Any part of a text.
            begin: How the words of the text begin.
        """
        wanted = {
            number for opening in begin & self.openings for number in self._by_opening[opening]
        }
        found = [
            match.span()
            for number in sorted(wanted)
            for match in islice(self._regex(number).finditer(text), _MOST)
        ]
        return sorted(found)[:_MOST]

    def masked(self, plain: str, text: str, begin: frozenset[str]) -> tuple[str, str]:
        """Return a text, plain and as written, without them; neither gets shorter."""
        for start, end in self.places(plain, begin):
            gap = "\n" * (end - start)
            plain = plain[:start] + gap + plain[end:]
            text = text[:start] + gap + text[end:]
        return plain, text

    def _regex(self, number: int) -> re.Pattern[str]:
        # The first time only: most patterns are never tried. Two threads may both do it.
        known = self._compiled.get(number)
        if known is None:
            known = self._compiled[number] = _whole_words(self._patterns[number])
        return known


@dataclass(frozen=True, slots=True)
class NearRule:
    """One row of the table.

    Attributes:
        near: Names of sets; something of each has to be there.
        unless: Names of sets; nothing of them may be near.
        cased: It reads the text with its capitals.
    """

    name: str
    category: str
    score: float
    near: Sequence[str]
    within: int
    unless: Sequence[str]
    cased: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that holds, and where."""

    rule: NearRule
    start: int
    end: int


class NearRules:
    """A table of rules. Immutable and safe for threads."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.version: str = table["version"]
        self._masks = WordSet(table["masks"])
        self.rules = tuple(_rule(row) for row in table["rules"])
        self._sets = {name: WordSet(patterns) for name, patterns in table["sets"].items()}
        self._sets_of: dict[str, set[str]] = {}
        for name, words in self._sets.items():
            for opening in words.openings:
                self._sets_of.setdefault(opening, set()).add(name)
        self._openings = frozenset(self._sets_of)
        self._rules_of: dict[str, list[int]] = {}
        for number, rule in enumerate(self.rules):
            self._rules_of.setdefault(rule.near[0], []).append(number)

    def hits(self, plain: str, text: str, begin: frozenset[str] | None = None) -> Sequence[Hit]:
        """Return the rules that hold, each once.

        Args:
            plain: The text in lower case and without accents.
            text: The same, as it was written.
            begin: How the words of ``plain`` begin, if that is known.
        """
        if begin is None:
            begin = openings_of(plain)
        likely = self._likely(begin)
        if not likely:
            return ()
        masked, text = self._masks.masked(plain, text, begin)
        places: dict[str, Sequence[Place]] = {}
        held: list[Hit] = []
        for rule in likely:
            spot = self._spot(rule, text if rule.cased else masked, begin, places)
            if spot and not self._excused(rule, plain, spot, begin):
                held.append(Hit(rule, *spot))
        return held

    def _likely(self, begin: frozenset[str]) -> list[NearRule]:
        """Return the rules of whose sets the text may have something each, in their order."""
        possible: set[str] = set()
        for one in begin & self._openings:
            possible |= self._sets_of[one]
        numbers = [number for name in possible for number in self._rules_of.get(name, ())]
        found = [n for n in numbers if possible.issuperset(self.rules[n].near)]
        return [self.rules[number] for number in sorted(found)]

    def _spot(
        self,
        rule: NearRule,
        text: str,
        begin: frozenset[str],
        known: dict[str, Sequence[Place]],
    ) -> Place | None:
        found: list[Sequence[Place]] = []
        for name in rule.near:
            if name not in known:
                known[name] = self._sets[name].places(text, begin)
            if not known[name]:
                return None
            found.append(known[name])
        return _meeting(found, rule.within)

    def _excused(self, rule: NearRule, plain: str, spot: Place, begin: frozenset[str]) -> bool:
        around = plain[max(0, spot[0] - _CONTEXT) : spot[1] + _CONTEXT]
        return any(self._sets[name].places(around, begin) for name in rule.unless)


def read_rules(file: Path) -> NearRules:
    """Return a table of rules from a TOML file."""
    return NearRules(tomllib.loads(file.read_text("utf-8")))


def _rule(row: Mapping[str, Any]) -> NearRule:
    return NearRule(
        row["name"],
        row["category"],
        row["score"],
        tuple(row["near"]),
        row.get("within", 0),
        tuple(row.get("unless", ())),
        row.get("case", False),
    )


def _whole_words(pattern: str) -> re.Pattern[str]:
    if not pattern[0].isascii():
        return re.compile(pattern)
    return re.compile(f"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")


def _meeting(sets: Sequence[Sequence[Place]], within: int) -> Place | None:
    """Return the narrowest stretch that has a place of each set, none far from the first."""
    best: Place | None = None
    for start, end in sets[0]:
        low, high = start, end
        for others in sets[1:]:
            near = _nearest(others, start, end, within)
            if near is None:
                break
            low, high = min(low, near[0]), max(high, near[1])
        else:
            if best is None or high - low < best[1] - best[0]:
                best = (low, high)
    return best


def _nearest(places: Sequence[Place], start: int, end: int, within: int) -> Place | None:
    """Return a place that is near, and that is not this one by another name."""
    at = bisect_left(places, (start, end))
    best: Place | None = None
    closest = within + 1
    for place in places[max(0, at - 2) : at + 3]:
        gap = max(0, place[0] - end, start - place[1])
        if gap < closest and place[0] != start:
            best, closest = place, gap
    return best
