"""Reproducible chance: the same words and numbers always fall the same way."""

import hashlib
import random


def dice(*parts: str | int) -> random.Random:
    """Return a generator whose whole sequence is fixed by ``parts``."""
    seed = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest()
    return random.Random(seed)  # noqa: S311 - pictures must repeat; nothing here is secret


def fixed_number(*parts: str | int) -> int:
    """Return a number from 0 to 2**31 - 1 that is fixed by ``parts``."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=4).digest()
    return int.from_bytes(digest) & 0x7FFFFFFF
