"""New UUIDv7 keys (RFC 9562): time-ordered, so that partitions and indexes fill at one end."""

from uuid import UUID

import uuid_utils


def new_key() -> UUID:
    """Return a fresh UUIDv7."""
    return UUID(int=uuid_utils.uuid7().int)
