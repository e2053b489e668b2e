"""A subject as detectors read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.safety.language import Language, LanguageDetector
from infra.safety.lexicon import Lexicon
from infra.safety.limits import OUTPUT_CHARS, Limits, faults_of
from infra.safety.normalise import Normalised, normalise, plain
from infra.safety.openings import openings_of
from infra.safety.variants import NO_VARIANTS, variants_of
from schemas.safety import Coverage, Span, Subject


@dataclass(frozen=True, slots=True)
class Reading:
    """A subject as detectors read it; what models and callers get stays as it came.

    Attributes:
        text: Normalised; empty if a limit was passed.
        plain: The text in lower case and without accents, of the same length.
        openings: How the words of ``plain`` begin: rules are looked up by it.
        variants: Other readings, for scoring only.
        tricks: Names of the disguises that were undone.
        language: What it is written in, if that was asked and can be told.
        coverage: How much of it the detectors of this process can understand.
        faults: Limits that were passed, as paths into the policy: ``limits.prompt_chars``.
    """

    subject: Subject
    text: str
    plain: str
    openings: frozenset[str] = frozenset()
    variants: Sequence[str] = ()
    tricks: Sequence[str] = ()
    language: Language | None = None
    coverage: Coverage = Coverage.FULL
    faults: Sequence[str] = ()
    _origin: Normalised | None = field(default=None, repr=False)

    def span(self, start: int, end: int) -> Span:
        """Return where ``text[start:end]`` stands in the subject's own text."""
        return self._origin.span(start, end) if self._origin else Span(start, end)


class Reader:
    """Reads subjects. Safe for threads.

    Args:
        languages: Tells languages; without it, everything is taken for English.
        lexicon: Tells words from nonsense; without it, fewer disguises are undone.
    """

    def __init__(
        self, languages: LanguageDetector | None = None, lexicon: Lexicon | None = None
    ) -> None:
        self._languages = languages
        self._lexicon = lexicon

    def read(self, subject: Subject, limits: Limits) -> Reading:
        """Return a subject as detectors read it; whatever its text, it is no error."""
        faults = faults_of(subject.text, subject.stage, limits)
        if faults:
            return Reading(subject, "", "", coverage=Coverage.NONE, faults=faults)
        whole = len(subject.text) <= OUTPUT_CHARS
        origin = normalise(subject.text if whole else subject.text[:OUTPUT_CHARS])
        # Of a picture's prompt nobody in this process reads more than the words.
        shown = subject.picture is not None
        variants = NO_VARIANTS if shown else variants_of(origin, self._lexicon)
        language = self._languages.of(origin.text) if self._languages else None
        foreign = language is not None and language.foreign
        folded = plain(origin.text)
        return Reading(
            subject,
            origin.text,
            folded,
            frozenset() if shown else openings_of(folded),
            variants.texts,
            (*origin.tricks, *variants.tricks),
            language,
            Coverage.FULL if whole and not foreign else Coverage.PARTIAL,
            (),
            origin,
        )


def read(subject: Subject, limits: Limits) -> Reading:
    """Return a subject as detectors read it, without a look at its language."""
    return Reader().read(subject, limits)
