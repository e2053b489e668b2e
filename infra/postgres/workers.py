"""The worker sessions as operators see them."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.lanes import BY_NUMBER, Lane


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process.

    Attributes:
        busy: Jobs that run under its session.
        seconds_left: Until its session ends, unless renewed; negative if it has ended.
    """

    id: int
    host: str
    pid: int
    slots: int
    busy: int
    lanes: tuple[Lane, ...]
    draining: bool
    seconds_left: float


_LIST: Final = text("""
SELECT s.id, s.host, s.pid, s.slots, s.lanes, s.draining,
  EXTRACT(epoch FROM s.expires_at - clock_timestamp()) AS seconds_left,
  (SELECT count(*) FROM live l WHERE l.session_id = s.id AND l.state = 4) AS busy
FROM session s ORDER BY s.id
""")


async def list_workers(connection: AsyncConnection) -> list[Worker]:
    """Return every session that PostgreSQL remembers, the oldest first."""
    return [
        Worker(
            id=row.id,
            host=row.host,
            pid=row.pid,
            slots=row.slots,
            busy=row.busy,
            lanes=tuple(BY_NUMBER[number] for number in row.lanes),
            draining=row.draining,
            seconds_left=float(row.seconds_left),
        )
        for row in await connection.execute(_LIST)
    ]
