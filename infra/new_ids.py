"""New UUIDv7 keys (RFC 9562): time-ordered, so that partitions and indexes fill at one end."""

from hashlib import blake2b
from typing import Final
from uuid import UUID

import uuid_utils

# What two keys of one instant have in common: 48 bits of time, the version, the variant.
_KEPT: Final = (1 << 128) - (1 << 76) | 3 << 62


def new_key() -> UUID:
    """Return a fresh UUIDv7."""
    return UUID(int=uuid_utils.uuid7().int)


def key_after(key: UUID, word: str) -> UUID:
    """Return the one UUIDv7 that follows from another and a word, of the same instant."""
    bits = blake2b(key.bytes + word.encode(), digest_size=16).digest()
    return UUID(int=key.int & _KEPT | int.from_bytes(bits) & ~_KEPT)
