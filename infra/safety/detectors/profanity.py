"""A list of words, which each tenant may change: a signal, never a judgement."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from infra.safety.normalise import normalise, plain
from infra.safety.package_data import PACKAGE_DATA
from infra.safety.reading import Reading
from schemas.safety import Finding, Medium, Stage

WORDS: Final = PACKAGE_DATA / "profanity.txt"
CATEGORY: Final = "profanity"
_WORD: Final = re.compile(r"[^\W_]+")
_ONE: Final = 0.6
_EACH_MORE: Final = 0.1
_MOST: Final = 0.9
_SHOWN: Final = 100


class ProfanityFilter:
    """Finds whole words: Scunthorpe is a town. Accents and capitals make no difference.

    Evidence counts; it repeats no word.
    """

    name: Final = "ProfanityFilter"
    stages: Final = frozenset(Stage)
    media: Final = frozenset({Medium.TEXT})

    def __init__(self, words: Iterable[str], version: str = "1") -> None:
        self.version = version
        self._words = frozenset(_folded(word) for word in words)

    def changed(
        self, *, added: Iterable[str] = (), removed: Iterable[str] = (), version: str
    ) -> "ProfanityFilter":
        """Return one with a tenant's words.

        Args:
            added: Single words.
            removed: Words that are none to this tenant.
            version: Of the tenant's list.
        """
        without = frozenset(_folded(word) for word in removed)
        return ProfanityFilter((self._words - without) | set(added), version)

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return one finding with all places, or none."""
        own = list(self._places(reading.plain))
        hidden = 0 if own else sum(self._count(plain(one)) for one in reading.variants)
        count = len(own) or hidden
        if not count:
            return ()
        return (
            Finding(
                self.name,
                self.version,
                CATEGORY,
                min(_MOST, _ONE + _EACH_MORE * (count - 1)),
                tuple(reading.span(start, end) for start, end in own[:_SHOWN]),
                evidence={"count": count, "disguised": not own},
            ),
        )

    def _places(self, text: str) -> Iterable[tuple[int, int]]:
        if self._words.isdisjoint(_WORD.findall(text)):
            return
        for match in _WORD.finditer(text):
            if match.group() in self._words:
                yield match.span()

    def _count(self, text: str) -> int:
        return sum(word in self._words for word in _WORD.findall(text))


def open_profanity_filter(file: Path = WORDS) -> ProfanityFilter:
    """Return the detector with the words that come with genq."""
    lines = file.read_text("utf-8").splitlines()
    return ProfanityFilter(line for line in lines if line and not line.startswith("#"))


def _folded(word: str) -> str:
    return plain(normalise(word.strip()).text)
