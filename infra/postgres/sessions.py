"""Worker sessions: the life of a worker process, by PostgreSQL's clock.

An attempt is valid while the session that started it is alive. An id is never used again, so a
worker that lost its session cannot come back as itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.lanes import Lane


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a renewal: whether the session still lives, and what was cancelled."""

    alive: bool
    cancelled: tuple[UUID, ...]


_OPEN: Final = text("""
INSERT INTO session (expires_at, host, pid, slots, lanes)
VALUES (clock_timestamp() + :ttl, :host, :pid, :slots, CAST(:lanes AS smallint[])) RETURNING id
""")

_RENEW: Final = text("""
WITH s AS (
  UPDATE session SET expires_at = clock_timestamp() + :ttl
  WHERE id = :id AND expires_at > clock_timestamp() RETURNING id)
SELECT s.id, (
  SELECT COALESCE(array_agg(l.job_id), '{}') FROM live l
  WHERE l.session_id = s.id AND l.state = 4 AND l.cancel) AS cancelled
FROM s
""")

_DRAIN: Final = text("UPDATE session SET draining = true WHERE id = :id")
_CLOSE: Final = text("DELETE FROM session WHERE id = :id")


async def open_session(
    connection: AsyncConnection,
    *,
    host: str,
    pid: int,
    slots: int,
    lanes: Sequence[Lane],
    ttl: timedelta,
) -> int:
    """Begin a session that lives for ``ttl`` unless it is renewed; return its id."""
    row = await connection.execute(
        _OPEN,
        {
            "ttl": ttl,
            "host": host,
            "pid": pid,
            "slots": slots,
            "lanes": [lane.number for lane in lanes],
        },
    )
    return row.scalar_one()


async def renew_session(connection: AsyncConnection, session: int, ttl: timedelta) -> Renewal:
    """Prolong a living session; a session that expired stays dead."""
    row = (await connection.execute(_RENEW, {"id": session, "ttl": ttl})).one_or_none()
    return Renewal(row is not None, tuple(row.cancelled) if row else ())


async def drain_session(connection: AsyncConnection, session: int) -> None:
    """Say that the worker takes nothing new, so that nothing is released for its slots."""
    await connection.execute(_DRAIN, {"id": session})


async def close_session(connection: AsyncConnection, session: int) -> None:
    """End a session whose attempts have all ended."""
    await connection.execute(_CLOSE, {"id": session})
