"""Whether a bot may speak: stopped by a token that was refused, or paused by its platform."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.chat import Platform

_READ: Final = text("""
SELECT platform, token_digest, stopped_at, stopped_reason, paused_until,
  GREATEST(0, COALESCE(EXTRACT(epoch FROM paused_until - clock_timestamp()), 0))
    AS paused_seconds
FROM chat_bot
""")
# The same token is stopped once; another one starts anew.
_STOP: Final = text("""
INSERT INTO chat_bot AS b (platform, token_digest, stopped_at, stopped_reason)
VALUES (:platform, :digest, now(), :reason)
ON CONFLICT (platform) DO UPDATE SET token_digest = excluded.token_digest,
  stopped_at = excluded.stopped_at, stopped_reason = excluded.stopped_reason,
  updated_at = now()
  WHERE b.stopped_at IS NULL OR b.token_digest IS DISTINCT FROM excluded.token_digest
RETURNING true
""")
_PAUSE: Final = text("""
INSERT INTO chat_bot AS b (platform, paused_until)
VALUES (:platform, now() + make_interval(secs => :seconds))
ON CONFLICT (platform) DO UPDATE SET
  paused_until = GREATEST(b.paused_until, excluded.paused_until), updated_at = now()
RETURNING paused_until
""")
_RESUME: Final = text("""
UPDATE chat_bot SET stopped_at = NULL, stopped_reason = NULL, token_digest = NULL,
  paused_until = NULL, updated_at = now()
WHERE platform = :platform AND (stopped_at IS NOT NULL OR paused_until > now())
RETURNING true
""")


@dataclass(frozen=True, slots=True)
class ChatBot:
    """How it stands with a bot.

    Attributes:
        token_digest: Of the token that was refused: another one is not stopped.
        paused_until: It sends nothing before (aware, PostgreSQL's clock).
        paused_seconds: How long that was when it was read.
    """

    platform: Platform
    token_digest: bytes | None
    stopped_at: datetime | None
    stopped_reason: str | None
    paused_until: datetime | None
    paused_seconds: float = 0.0

    def stopped(self, token_digest: bytes) -> bool:
        """Return whether the bot with this token may not speak."""
        return self.stopped_at is not None and self.token_digest == token_digest


async def chat_bots(connection: AsyncConnection) -> dict[Platform, ChatBot]:
    """Return the bots of which there is something to say: three rows at most."""
    return {
        Platform(row.platform): ChatBot(
            platform=Platform(row.platform),
            token_digest=None if row.token_digest is None else bytes(row.token_digest),
            stopped_at=row.stopped_at,
            stopped_reason=row.stopped_reason,
            paused_until=row.paused_until,
            paused_seconds=float(row.paused_seconds),
        )
        for row in await connection.execute(_READ)
    }


async def stop_bot(
    connection: AsyncConnection, platform: Platform, token_digest: bytes, reason: str
) -> bool:
    """Note that a token is refused; return whether that is news: one process tells it."""
    values = {"platform": platform.value, "digest": token_digest, "reason": reason}
    return (await connection.execute(_STOP, values)).one_or_none() is not None


async def pause_bot(
    connection: AsyncConnection, platform: Platform, seconds: float
) -> datetime:
    """Let no process send before so many seconds are over; return until when."""
    values = {"platform": platform.value, "seconds": seconds}
    return (await connection.execute(_PAUSE, values)).scalar_one()


async def resume_bot(connection: AsyncConnection, platform: Platform) -> bool:
    """Let it speak again, whatever was; return whether it could not."""
    resumed = await connection.execute(_RESUME, {"platform": platform.value})
    return resumed.one_or_none() is not None
