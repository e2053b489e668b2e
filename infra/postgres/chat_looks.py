"""Messages that nobody looks at any more, though their jobs have ended: found by index."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.chat import CHAT_SCHEME, Platform
from schemas.webhooks import Trigger

LARGEST_PIECE: Final = 1_000
FIRST: Final = UUID(int=0)

# An end owes its delivery in its own transaction: one that is not there is gone.
_PIECE: Final = text(f"""
WITH piece AS MATERIALIZED (
  SELECT id, job_id, tenant_id, platform FROM chat_message
  WHERE state = 1 AND id > :after AND created_at <= now() - CAST(:old AS interval)
  ORDER BY id LIMIT :most),
idle AS (
  SELECT m.* FROM piece m JOIN job j ON j.id = m.job_id AND j.final_state IS NOT NULL
  WHERE NOT EXISTS (SELECT 1 FROM live l WHERE l.job_id = m.job_id)
    AND NOT EXISTS (SELECT 1 FROM delivery d
      WHERE d.job_id = m.job_id AND starts_with(d.url, '{CHAT_SCHEME}')))
SELECT (SELECT count(*) FROM piece) AS seen, last.id AS last_id, m.*, e.event_id, e.times,
  (SELECT p.body #>> '{{webhook,url}}' FROM payload p WHERE p.job_id = m.job_id) AS url
FROM (SELECT id FROM piece ORDER BY id DESC LIMIT 1) last
LEFT JOIN idle m ON true
LEFT JOIN LATERAL (
  SELECT o.id AS event_id, (SELECT count(DISTINCT a.delivery_id) FROM delivery_attempt a
      WHERE a.event_id = o.id AND a.trigger = :recover) AS times
  FROM outbox o WHERE o.job_id = m.job_id ORDER BY o.id DESC LIMIT 1) e ON true
ORDER BY m.id
""")


@dataclass(frozen=True, slots=True)
class Forsaken:
    """A message that is open, whose job has ended, and to which nothing is owed.

    Attributes:
        event_id: The last event of its job; ``None``: there is none any more.
        url: What stands for the message in a delivery; ``None``: the job says none.
        times: How often it was owed again.
    """

    id: UUID
    job_id: UUID
    tenant_id: int
    platform: Platform
    event_id: UUID | None
    url: str | None
    times: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of open messages: where it ends, if it was full, and who was forsaken in it."""

    after: UUID | None
    forsaken: tuple[Forsaken, ...]


async def forsaken_messages(
    connection: AsyncConnection, *, after: UUID, old: timedelta
) -> Piece:
    """Look at the next open messages by id, made ``old`` ago or before; ``FIRST`` begins."""
    values = {
        "after": after,
        "old": old,
        "most": LARGEST_PIECE,
        "recover": int(Trigger.RECOVER),
    }
    rows = (await connection.execute(_PIECE, values)).all()
    found = tuple(
        Forsaken(
            id=row.id,
            job_id=row.job_id,
            tenant_id=row.tenant_id,
            platform=Platform(row.platform),
            event_id=row.event_id,
            url=row.url,
            times=row.times or 0,
        )
        for row in rows
        if row.id is not None
    )
    full = bool(rows) and rows[0].seen == LARGEST_PIECE
    return Piece(rows[0].last_id if full else None, found)
