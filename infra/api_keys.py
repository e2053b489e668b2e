"""API keys: made, recognised, never stored.

A key carries 256 random bits, so a fast keyed digest is enough; the pepper makes a stolen
table useless without the installation's settings.
"""

import hashlib
import hmac
import secrets
from typing import Final

KEY_PREFIX: Final = "gq_"
_RANDOM_BYTES: Final = 32
_SHOWN_CHARACTERS: Final = 8


def new_api_key() -> str:
    """Return a fresh key, ``gq_`` and 43 URL-safe characters."""
    return KEY_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest_of(key: str, pepper: str) -> bytes:
    """Return the 32 bytes that stand for ``key`` in the database: HMAC-SHA256."""
    return hmac.digest(pepper.encode(), key.encode(), hashlib.sha256)


def prefix_of(key: str) -> str:
    """Return the part of a key that may be shown again."""
    return key[:_SHOWN_CHARACTERS]
