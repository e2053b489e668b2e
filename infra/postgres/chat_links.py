"""One-time codes that bind a place or a person: kept by their digest, taken once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.chat import Platform

_MAKE: Final = text("""
INSERT INTO chat_link (digest, platform, place_id, user_id, expires_at)
VALUES (:digest, :platform, :place_id, :user_id, now() + CAST(:life AS interval))
""")
_OPEN: Final = "used_at IS NULL AND expires_at > now()"
_READ: Final = text(f"""
SELECT platform, place_id, user_id, expires_at FROM chat_link
WHERE digest = :digest AND {_OPEN} AND tries < :most
""")
_TRY: Final = text(f"""
UPDATE chat_link SET tries = tries + 1
WHERE digest = :digest AND {_OPEN} AND tries < :most
RETURNING platform, place_id, user_id, expires_at
""")
# A try was counted before: the last one may be the right one.
_TAKE: Final = text(f"""
UPDATE chat_link SET used_at = now() WHERE digest = :digest AND {_OPEN}
RETURNING platform, place_id, user_id, expires_at
""")

MOST_TRIES: Final = 5
"""So many keys may be tried with a code."""


@dataclass(frozen=True, slots=True)
class ChatLink:
    """What a code binds.

    Attributes:
        place_id: Empty: the person, wherever they are.
        user_id: Who asked for it; with a place, the place itself is bound.
    """

    platform: Platform
    place_id: str
    user_id: str
    expires_at: datetime


async def make_link(
    connection: AsyncConnection,
    digest: bytes,
    *,
    platform: Platform,
    place_id: str,
    user_id: str,
    life: timedelta,
) -> None:
    """Keep a new code by its digest."""
    values = {
        "digest": digest,
        "platform": platform.value,
        "place_id": place_id,
        "user_id": user_id,
        "life": life,
    }
    await connection.execute(_MAKE, values)


async def read_link(connection: AsyncConnection, digest: bytes) -> ChatLink | None:
    """Return what a code binds; ``None``: there is none, or its time or use is over."""
    return _link(await connection.execute(_READ, _by(digest)))


async def take_link(connection: AsyncConnection, digest: bytes) -> ChatLink | None:
    """Use a code up, in the transaction that binds; of several at once, one gets it."""
    return _link(await connection.execute(_TAKE, {"digest": digest}))


async def count_try(connection: AsyncConnection, digest: bytes) -> ChatLink | None:
    """Count that a key is tried with a code, and return what the code binds.

    Before the key is looked at: of a hundred that are tried at once, a few are looked at.
    ``None``: no more may be tried.
    """
    return _link(await connection.execute(_TRY, _by(digest)))


def _by(digest: bytes) -> dict[str, Any]:
    return {"digest": digest, "most": MOST_TRIES}


def _link(rows: Any) -> ChatLink | None:
    row: Row[Any] | None = rows.one_or_none()
    if row is None:
        return None
    return ChatLink(Platform(row.platform), row.place_id, row.user_id, row.expires_at)
