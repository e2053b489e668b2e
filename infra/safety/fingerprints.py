"""Fingerprints of pictures: alike for what looks alike, whatever its format, size and quality.

``phash256`` is the signs of 16 by 16 coefficients of a discrete cosine transform of the picture
in grey, 64 by 64, coarse shapes first, the mean (bit 0) left out; ``dhash64`` tells where it
gets brighter from left to right, 8 by 8. Pictures of which 31 bits of 256 differ at most are
taken for the same, the threshold of PDQ (Facebook, ThreatExchange, 2019).

Whoever asks for a picture asks for it turned and mirrored as well, and as if up to 4 % of its
sides had been cut off: cutting moves all that is inside, which the fine coefficients feel.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infra.safety.pictures import SIDE, square_of

PHASH_BYTES: Final = 32
DHASH_BYTES: Final = 8
NEAR: Final = 31
"""Bits of 256 that may differ."""
BANDS: Final = 16
"""Stretches of a hash by which near ones are found: few changes leave some of them whole."""

_Bits = NDArray[np.uint64]
_Square = NDArray[np.float32]

_COEFFICIENTS: Final = 16
_LOUD: Final = 0.1
"""Of 255 levels of grey: a coefficient below is what rounding leaves."""
_FEWEST_LOUD: Final = 64
"""With fewer there is nothing to recognise: one colour, or one that fades into another."""
_CUTS: Final = ((0.0, 0.0), (0.02, 0.02), (0.04, 0.04), (0.04, 0.0), (0.0, 0.04))
"""What may be missing at both ends of an axis."""
_FADE: Final = 4.0
"""Pixels of 64. What was cut off goes on as its neighbours, or not: both are tried."""
# Whatever was cut, one of these is not far.
_COARSE: Final = ((1, 1), (3, 3), (3, 4), (4, 3), (4, 4))
_BAND_CUTS: Final = ((0, 0), (1, 1), (2, 2))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of one picture.

    Attributes:
        dhash: 8 bytes.
        phash: 32 bytes; ``None`` of a picture with nothing in it to recognise.
    """

    dhash: bytes
    phash: bytes | None

    def bands(self) -> list[int]:
        """Return what near pictures share some of: the number of a band, and its 16 bits."""
        return bands_of(self.phash) if self.phash is not None else []


@dataclass(frozen=True, slots=True)
class Looks:
    """A picture in every way it may have been turned and cut.

    Attributes:
        turned: 8 by 50 hashes of 4 words each, the upright one first; ``None``: featureless.
        dhashes: 8 words, upright first.
    """

    turned: _Bits | None
    dhashes: _Bits

    def coarse(self) -> _Bits:
        """Return some of them, from which no other is far: 40 by 4 words."""
        assert self.turned is not None  # noqa: S101 - asked of what has features only
        places = [row * len(_CUTS) + column for row, column in _COARSE]
        return self.turned[:, places].reshape(-1, 4)

    def bands(self) -> list[int]:
        """Return the bands of the most likely of them."""
        if self.turned is None:
            return []
        places = [row * len(_CUTS) + column for row, column in _BAND_CUTS]
        hashes = self.turned[:, places].reshape(-1, 4)
        return sorted({band for one in hashes for band in bands_of(one.tobytes())})

    def distance(self, phash: bytes) -> int | None:
        """Return how many bits of a hash differ, at the least; ``None``: nothing to compare."""
        if self.turned is None:
            return None
        other = np.frombuffer(phash, dtype="<u8")
        return int(np.bitwise_count(self.turned ^ other).sum(axis=-1).min())


def fingerprint_of(square: _Square) -> Fingerprint:
    """Return the fingerprint of a picture, given in grey, 64 by 64."""
    found = _DCT @ square @ _DCT.T
    phash = _packed(found[None] > 0)[0].tobytes() if _recognisable(found) else None
    return Fingerprint(_dhash(square).tobytes(), phash)


def fingerprint(image: Image.Image) -> Fingerprint:
    """Return the fingerprint of a picture."""
    return fingerprint_of(square_of(image))


def looks_of(square: _Square) -> Looks:
    """Return a picture, in grey, 64 by 64, in every way it may have been turned and cut."""
    upright = (square, square[::-1], square[:, ::-1], square[::-1, ::-1])
    turned = (*upright, *(one.T for one in upright))
    dhashes = np.array([np.frombuffer(_dhash(one).tobytes(), "<u8")[0] for one in turned])
    if not _recognisable(_DCT @ square @ _DCT.T):
        return Looks(None, dhashes)
    # To mirror a picture is to change the sign of every other coefficient.
    found = _ROWS @ square @ _COLUMNS
    mirrored = (found, found * _ODD[:, None], found * _ODD, found * _ODD * _ODD[:, None])
    signs = np.stack((*mirrored, *(one.swapaxes(1, 2) for one in mirrored))) > 0
    packed = _packed(signs.reshape(-1, _COEFFICIENTS, _COEFFICIENTS))
    words = packed.view("<u8").astype(np.uint64)
    return Looks(words.reshape(8, -1, 4), dhashes)


def bands_of(phash: bytes) -> list[int]:
    """Return the 16 bands of a hash as whole numbers, each with its place in it."""
    words = np.frombuffer(phash, dtype="<u2")
    return [number << 16 | int(word) for number, word in enumerate(words)]


def _dct(side: int) -> NDArray[np.float32]:
    waves = np.arange(_COEFFICIENTS)[:, None]
    places = 2 * np.arange(side)[None] + 1
    return np.cos(np.pi * places * waves / (2 * side)).astype(np.float32)


def _uncut(before: float, after: float, fade: float | None) -> NDArray[np.float32]:
    """Return what puts a cut picture into its frame; its outermost pixels fill the rest.

    Args:
        before: What is missing at the beginning, as a part of the whole.
        after: What is missing at the end.
        fade: Within so many pixels the fill becomes the mean of the line; ``None``: never.
    """
    places = (np.arange(SIDE) + 0.5) / SIDE
    wanted = (places - before) / (1 - before - after) * SIDE - 0.5
    sources = np.clip(wanted, 0, SIDE - 1)
    low = np.floor(sources).astype(int)
    weight = (sources - low).astype(np.float32)
    matrix = np.zeros((SIDE, SIDE), dtype=np.float32)
    matrix[np.arange(SIDE), low] += 1 - weight
    matrix[np.arange(SIDE), np.minimum(low + 1, SIDE - 1)] += weight
    if fade is not None:
        near = np.exp(-np.abs(wanted - sources) / fade)[:, None].astype(np.float32)
        matrix = matrix * near + (1 - near) / SIDE
    return matrix.astype(np.float32)


def _by_coarseness() -> NDArray[np.intp]:
    rows, columns = np.mgrid[:_COEFFICIENTS, :_COEFFICIENTS]
    larger, sum_of = np.maximum(rows, columns).ravel(), (rows + columns).ravel()
    return np.lexsort((sum_of, larger))


def _packed(signs: NDArray[np.bool_]) -> NDArray[np.uint8]:
    bits = signs.reshape(len(signs), -1)[:, _ORDER]
    bits[:, 0] = False
    return np.ascontiguousarray(np.packbits(bits, axis=1, bitorder="little"))


def _recognisable(found: NDArray[np.floating]) -> bool:
    loud = np.abs(found) > _LOUD * (SIDE / 2) ** 2
    return int(loud.sum()) - int(loud[0, 0]) >= _FEWEST_LOUD


def _dhash(square: _Square) -> NDArray[np.uint8]:
    grey = _EIGHTHS @ square @ _NINTHS.T
    return np.packbits(grey[:, 1:] > grey[:, :-1])


def _means(parts: int) -> NDArray[np.float32]:
    """Return what takes the means of equal parts of a line."""
    starts = np.arange(parts)[:, None] * SIDE / parts
    pixels = np.arange(SIDE)[None]
    covered = np.minimum(starts + SIDE / parts, pixels + 1) - np.maximum(starts, pixels)
    return (np.clip(covered, 0, 1) * parts / SIDE).astype(np.float32)


_DCT: Final = _dct(SIDE)
_ODD: Final = np.where(np.arange(_COEFFICIENTS) % 2, -1, 1).astype(np.float32)
_EIGHTHS: Final = _means(8)
_NINTHS: Final = _means(9)
_UNCUTS: Final = tuple(
    tuple(_DCT @ _uncut(before, after, fade) for before, after in _CUTS)
    for fade in (None, _FADE)
)
_ROWS: Final = np.stack([down for cuts in _UNCUTS for down, _ in product(cuts, cuts)])
_COLUMNS: Final = np.stack([to.T for cuts in _UNCUTS for _, to in product(cuts, cuts)])
_ORDER: Final = _by_coarseness()
