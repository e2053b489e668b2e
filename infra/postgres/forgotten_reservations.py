"""Reservations of jobs that ended unsettled: a worker of an older release knows of none."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.job_states import JobState

_MOST: Final = 10_000

# A submit writes live and reservation at once, and an end takes the one away and settles the
# other at once: who sees a reservation, not settled, and no live job, sees what was forgotten.
_SETTLE: Final = text("""
WITH x AS MATERIALIZED (
  SELECT r.job_id, EXISTS (
    SELECT 1 FROM job j WHERE j.id = r.job_id AND j.final_state = :succeeded) AS made
  FROM reservation r
  WHERE r.spent_money IS NULL AND NOT EXISTS (SELECT 1 FROM live l WHERE l.job_id = r.job_id)
  LIMIT :most)
UPDATE reservation v SET
  spent_money = CASE WHEN x.made THEN v.money ELSE 0 END,
  spent_images = CASE WHEN x.made THEN v.images ELSE 0 END,
  spent_tokens = CASE WHEN x.made THEN v.tokens ELSE 0 END
FROM x WHERE v.job_id = x.job_id AND v.spent_money IS NULL
""")


async def settle_forgotten(connection: AsyncConnection) -> int:
    """Settle what ended jobs still hold back: all of it if they succeeded, else nothing.

    Returns:
        How many they were. They count as settled; the books are balanced by others.
    """
    values = {"succeeded": int(JobState.SUCCEEDED), "most": _MOST}
    return (await connection.execute(_SETTLE, values)).rowcount
