"""Readings for tests: what every detector is given."""

from functools import lru_cache

from infra.safety.language import LanguageDetector
from infra.safety.lexicon import Lexicon, read_lexicon
from infra.safety.limits import TextLimits
from infra.safety.reading import Reader, Reading
from schemas.safety import Medium, Span, Stage, Subject


@lru_cache(maxsize=1)
def words() -> Lexicon:
    """The words that come with genq."""
    return read_lexicon()


@lru_cache(maxsize=1)
def reader() -> Reader:
    """What knows words and languages."""
    return Reader(LanguageDetector(), words())


def reading_of(
    text: str, stage: Stage = Stage.PROMPT, trusted: tuple[Span, ...] = ()
) -> Reading:
    """A text as detectors read it."""
    subject = Subject(stage, Medium.TEXT, 1, text, trusted=trusted)
    return reader().read(subject, TextLimits())
