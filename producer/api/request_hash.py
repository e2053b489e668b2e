"""The digest of a body, to tell another body under the same idempotency key."""

import hashlib
from typing import Any

import orjson


def hash_of(body: Any) -> bytes:
    """Return what two JSON bodies share that say the same, whatever their spaces and order."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
