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

from schemas.claim import Pointer
from schemas.lanes import Lane


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a renewal: whether the session still lives, and what runs under it.

    Attributes:
        cancelled: Which of these jobs their callers want no more.
        routes: How many changes of routes there were.
    """

    alive: bool
    running: tuple[Pointer, ...]
    cancelled: tuple[UUID, ...] = ()
    routes: int = 0


_OPEN: Final = text("""
INSERT INTO session (expires_at, host, pid, slots, lanes)
VALUES (clock_timestamp() + :ttl, :host, :pid, :slots, CAST(:lanes AS smallint[])) RETURNING id
""")

_RENEW: Final = text("""
WITH s AS (
  UPDATE session SET expires_at = clock_timestamp() + :ttl
  WHERE id = :id AND expires_at > clock_timestamp() RETURNING id)
SELECT l.job_id, l.fence, l.cancel,
  (SELECT COALESCE(sum(r.changes), 0) FROM route r) AS routes FROM s
LEFT JOIN live l ON l.session_id = s.id AND l.state = 4
""")

# Session 0 never was: to the reaper it is a dead one.
_DISOWN: Final = text("""
UPDATE live SET session_id = 0
FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS p(job_id, fence)
WHERE live.job_id = p.job_id AND live.fence = p.fence AND live.state = 4
  AND live.session_id = :session
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
    rows = (await connection.execute(_RENEW, {"id": session, "ttl": ttl})).all()
    running = tuple(Pointer(row.job_id, row.fence) for row in rows if row.job_id is not None)
    cancelled = tuple(row.job_id for row in rows if row.cancel)
    return Renewal(bool(rows), running, cancelled, int(rows[0].routes) if rows else 0)


async def disown_attempts(
    connection: AsyncConnection, session: int, pointers: Sequence[Pointer]
) -> int:
    """Leave attempts to the reaper that run under a session, but that its worker knows not.

    Their start was committed and its answer was lost, or their end could not be written.
    """
    result = await connection.execute(
        _DISOWN,
        {
            "session": session,
            "ids": [pointer.job_id for pointer in pointers],
            "fences": [pointer.fence for pointer in pointers],
        },
    )
    return result.rowcount


async def drain_session(connection: AsyncConnection, session: int) -> None:
    """Say that the worker takes nothing new, so that nothing is released for its slots."""
    await connection.execute(_DRAIN, {"id": session})


async def close_session(connection: AsyncConnection, session: int) -> None:
    """End a session whose attempts have all ended."""
    await connection.execute(_CLOSE, {"id": session})
