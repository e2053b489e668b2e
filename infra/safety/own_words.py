"""Words and phrases of policies: whoever writes one of them says so, whatever surrounds it."""

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from infra.safety.normalise import normalise, plain
from infra.safety.reading import Reading
from schemas.policy import Policy
from schemas.safety import Finding, Medium, Span, Stage

_WORD: Final = re.compile(r"[^\W_]+")
_SHOWN: Final = 100
_MOST: Final = 256

_Words = tuple[str, ...]


class WordLists:
    """Finds the words and phrases of one policy, whole: accents and capitals do not matter.

    Evidence counts; it repeats no word.
    """

    name: Final = "WordLists"
    stages: Final = frozenset(Stage)
    media: Final = frozenset({Medium.TEXT})

    def __init__(self, words: Mapping[str, Sequence[str]], version: str) -> None:
        self.version = version
        # By the first word of each: a text is gone through once, however long the lists are.
        self._phrases: dict[str, list[tuple[_Words, str]]] = {}
        for category, listed in words.items():
            for phrase in listed:
                told = tuple(_WORD.findall(plain(normalise(phrase.strip()).text)))
                if told:
                    self._phrases.setdefault(told[0], []).append((told, category))

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return a finding for each category of which there is a word."""
        places: dict[str, list[Span]] = {}
        for category, start, end in self._found(reading.plain):
            places.setdefault(category, []).append(reading.span(start, end))
        hidden = {
            category
            for text in reading.variants
            for category, _, _ in self._found(plain(text))
            if category not in places
        }
        return [
            Finding(
                self.name,
                self.version,
                category,
                1.0,
                tuple(places.get(category, ())[:_SHOWN]),
                evidence={
                    "count": len(places.get(category, ())) or 1,
                    "disguised": category in hidden,
                },
            )
            for category in sorted({*places, *hidden})
        ]

    def _found(self, text: str) -> Iterator[tuple[str, int, int]]:
        words = list(_WORD.finditer(text))
        said = [word.group() for word in words]
        for place, first in enumerate(said):
            for phrase, category in self._phrases.get(first, ()):
                last = place + len(phrase)
                if tuple(said[place:last]) == phrase:
                    yield category, words[place].start(), words[last - 1].end()


class OwnWords:
    """Keeps what was made of policies' words, by the policies' digests; the least used goes."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, WordLists] = OrderedDict()

    def of(self, policy: Policy) -> Iterable[WordLists]:
        """Return the detector of a policy's words; nothing if it has none."""
        if not policy.words:
            return ()
        known = self._known.get(policy.digest)
        if known is None:
            known = self._known[policy.digest] = WordLists(policy.words, policy.digest[:12])
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(policy.digest)
        return (known,)
