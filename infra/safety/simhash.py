"""Fingerprints of texts: alike for texts that share most of their words in the same order.

SimHash (Charikar, 2002) of 64 bits over pairs of neighbouring words.
"""

import hashlib
import re
from itertools import pairwise
from typing import Final

import numpy as np

SIMHASH_BYTES: Final = 8
FEWEST_WORDS: Final = 20
"""Shorter texts are written by many people."""
NEAR: Final = 6
"""Bits of 64 that may differ."""

_BANDS: Final = 4
_FIRST_BAND: Final = 16
"""Texts and pictures share a column: the bands of texts have numbers of their own."""
_LONGEST: Final = 200_000
_WORD: Final = re.compile(r"\w+")


def simhash(text: str) -> bytes | None:
    """Return the fingerprint of a text, 8 bytes; ``None`` if it has fewer than 20 words.

    Case and punctuation do not count. Of a very long text the beginning does.
    """
    words = _WORD.findall(text[:_LONGEST].casefold())
    if len(words) < FEWEST_WORDS:
        return None
    pairs = {f"{one} {other}" for one, other in pairwise(words)}
    digests = b"".join(
        hashlib.blake2b(
            pair.encode("utf-8", "surrogatepass"), digest_size=SIMHASH_BYTES
        ).digest()
        for pair in sorted(pairs)
    )
    bits = np.unpackbits(np.frombuffer(digests, np.uint8)).reshape(-1, 8 * SIMHASH_BYTES)
    ones = bits.sum(axis=0, dtype=np.int64)
    return np.packbits(2 * ones > len(bits)).tobytes()


def text_bands(found: bytes) -> list[int]:
    """Return the 4 bands of a fingerprint as whole numbers, each with its place in it."""
    words = np.frombuffer(found, dtype="<u2")[:_BANDS]
    return [(_FIRST_BAND + number) << 16 | int(word) for number, word in enumerate(words)]


def bits_apart(one: bytes, other: bytes) -> int:
    """Return how many bits of two fingerprints of the same length differ."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()
