"""Fingerprints of known content, ready for looking up: arrays, and nothing but arithmetic."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.fingerprints import DHASH_BYTES, NEAR, PHASH_BYTES, Looks
from schemas.hash_list import Algorithm

SHA256_BYTES: Final = 32
NEAR_DHASH: Final = 3
"""Bits of 64 that may differ: so short a hash tells much less."""
_COARSE: Final = 16
"""Of the 64 coarsest bits so many may differ before the others are looked at."""
_AT_ONCE: Final = 1 << 15
_MOST_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One fingerprint, and the number of the list that it is on."""

    place: int
    algorithm: Algorithm
    hash: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """Something known.

    Attributes:
        place: The number of its list.
        distance: Bits that differ; 0 is the same.
        bits: Of how many.
    """

    place: int
    algorithm: Algorithm
    distance: int
    bits: int


class HashTable:
    """Entries of some lists. Immutable; safe for threads.

    Args:
        entries: In any order; those whose length does not fit their algorithm are left out.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        kept: dict[Algorithm, list[Entry]] = {one: [] for one in Algorithm}
        for entry in entries:
            kept[entry.algorithm].append(entry)
        self._exact, self._exact_places = _arrays(kept[Algorithm.SHA256], SHA256_BYTES)
        self._exact_keys = np.ascontiguousarray(self._exact[:, 0])
        self._words, self._places = _arrays(kept[Algorithm.PHASH256], PHASH_BYTES)
        self._coarsest = np.ascontiguousarray(self._words[:, 0])
        self._dwords, self._dplaces = _arrays(kept[Algorithm.DHASH64], DHASH_BYTES)
        self._dwords = np.ascontiguousarray(self._dwords[:, 0])

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._exact) + len(self._words) + len(self._dwords)

    @property
    def needs_looks(self) -> bool:
        """Whether pictures are looked up by what they show."""
        return bool(len(self._words) or len(self._dwords))

    def exact(self, data: bytes) -> list[Hit]:
        """Return the lists that know these very bytes."""
        return self.of_digest(hashlib.sha256(data).digest()) if len(self._exact) else []

    def of_digest(self, digest: bytes) -> list[Hit]:
        """Return the lists that know the bytes whose SHA-256 this is."""
        if not len(self._exact):
            return []
        words = np.frombuffer(digest, "<u8").astype(np.uint64)
        rows = np.flatnonzero(self._exact_keys == words[0])
        same = rows[(self._exact[rows] == words).all(axis=1)]
        places = set(self._exact_places[same].tolist())
        return [Hit(place, Algorithm.SHA256, 0, 256) for place in sorted(places)]

    def near(self, looks: Looks) -> list[Hit]:
        """Return what a picture looks like: of each list and algorithm the nearest."""
        hits = [*self._near_phash(looks), *self._near_dhash(looks)]
        best: dict[tuple[int, Algorithm], Hit] = {}
        for hit in sorted(hits, key=lambda one: one.distance):
            best.setdefault((hit.place, hit.algorithm), hit)
        return sorted(best.values(), key=lambda one: (one.place, one.algorithm))

    def _near_phash(self, looks: Looks) -> list[Hit]:
        if looks.turned is None or not len(self._words):
            return []
        found = _rows_near(self._coarsest, looks.coarse()[:, 0], _COARSE)
        every = looks.turned.reshape(-1, 4)
        hits: list[Hit] = []
        for row in found:
            distance = int(np.bitwise_count(every ^ self._words[row]).sum(axis=1).min())
            if distance <= NEAR:
                place = int(self._places[row])
                hits.append(Hit(place, Algorithm.PHASH256, distance, 256))
        return hits

    def _near_dhash(self, looks: Looks) -> list[Hit]:
        hits: list[Hit] = []
        for row in _rows_near(self._dwords, looks.dhashes, NEAR_DHASH):
            distance = int(np.bitwise_count(looks.dhashes ^ self._dwords[row]).min())
            hits.append(Hit(int(self._dplaces[row]), Algorithm.DHASH64, distance, 64))
        return hits


def _arrays(
    entries: Sequence[Entry], length: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    fitting = [entry for entry in entries if len(entry.hash) == length]
    joined = b"".join(entry.hash for entry in fitting)
    words = np.frombuffer(joined, dtype="<u8").astype(np.uint64).reshape(-1, length // 8)
    return words, np.array([entry.place for entry in fitting], dtype=np.int64)


def _rows_near(words: NDArray[np.uint64], wanted: NDArray[np.uint64], most: int) -> list[int]:
    """Return the rows of which at most so many bits differ from any of those wanted."""
    found: list[int] = []
    most_rows = min(_AT_ONCE, len(words))
    differing = np.empty(most_rows, np.uint64)
    bits, fewest = np.empty(most_rows, np.uint8), np.empty(most_rows, np.uint8)
    # Small enough for the processor's own memory: each stretch is gone through many times.
    for start in range(0, len(words), _AT_ONCE):
        stretch = words[start : start + _AT_ONCE]
        size = len(stretch)
        fewest.fill(_MOST_BITS)
        for one in wanted:
            np.bitwise_xor(stretch, one, out=differing[:size])
            np.bitwise_count(differing[:size], out=bits[:size])
            np.minimum(fewest[:size], bits[:size], out=fewest[:size])
        near = np.flatnonzero(fewest[:size] <= most)
        found += (near + start).tolist()
    return found
