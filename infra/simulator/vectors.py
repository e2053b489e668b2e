"""Deterministic embeddings: texts that share words are near each other, as search needs."""

import hashlib
import math
import re
from array import array
from functools import lru_cache
from typing import Final

DEFAULT_DIMENSIONS: Final = 256
_WORD: Final = re.compile(r"\w+")
_MAX_WORDS: Final = 512


def embed(text: str, dimensions: int = DEFAULT_DIMENSIONS) -> "array[float]":
    """Return a vector of length 1: the sum of one fixed direction per word of ``text``."""
    words = _WORD.findall(text.lower())[:_MAX_WORDS] or [text]
    total = [0.0] * dimensions
    for word in words:
        for place, part in enumerate(_direction(word, dimensions)):
            total[place] += part
    length = math.sqrt(math.fsum(part * part for part in total)) or 1.0
    return array("f", [part / length for part in total])


@lru_cache(maxsize=512)
def _direction(word: str, dimensions: int) -> tuple[float, ...]:
    """Return a direction of chance that is fixed by the word and starts alike in all sizes."""
    stream = hashlib.shake_256(word.encode()).digest(dimensions)
    return tuple(byte - 127.5 for byte in stream)
