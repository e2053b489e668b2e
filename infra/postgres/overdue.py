"""What the reaper has to do, in one look: most rounds find nothing, and must cost nothing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement


@dataclass(frozen=True, slots=True)
class Overdue:
    """Which kinds of work there are.

    Attributes:
        parks: Flows whose park is over.
        due: Scheduled jobs whose time has come.
        late: Releases that were not started within their lease.
        cancels: Running jobs whose cancel found no end within the grace.
        expired: Waiting jobs past their start timeout or deadline.
        lost: Running jobs whose session is dead.
        next_in: Seconds until a scheduled job is due or a waiting one expires.
    """

    parks: bool
    due: bool
    late: bool
    cancels: bool
    expired: bool
    lost: bool
    next_in: float | None


# The first row of each partial index; and one step per worker session through the running jobs,
# of whom there may be thousands.
_OVERDUE: Final = HotStatement("""
WITH RECURSIVE running(id) AS (
  (SELECT session_id FROM live WHERE state = 4 ORDER BY session_id LIMIT 1)
  UNION ALL
  SELECT (SELECT l.session_id FROM live l WHERE l.state = 4 AND l.session_id > running.id
          ORDER BY l.session_id LIMIT 1)
  FROM running WHERE running.id IS NOT NULL),
x AS MATERIALIZED (
  SELECT
    (SELECT parked_until FROM flow WHERE parked_until IS NOT NULL
     ORDER BY parked_until LIMIT 1) AS park,
    (SELECT run_at FROM live WHERE state = 1 ORDER BY run_at LIMIT 1) AS run_at,
    (SELECT lease_until FROM live WHERE state = 3 ORDER BY lease_until LIMIT 1) AS lease,
    (SELECT cancel_at FROM live WHERE cancel_at IS NOT NULL
     ORDER BY cancel_at LIMIT 1) AS cancel_at,
    (SELECT LEAST(deadline, start_by) FROM live
     WHERE state < 4 AND LEAST(deadline, start_by) IS NOT NULL
     ORDER BY LEAST(deadline, start_by) LIMIT 1) AS expiry)
SELECT COALESCE(park <= now(), false) AS parks, COALESCE(run_at <= now(), false) AS due,
  COALESCE(lease < now(), false) AS late,
  COALESCE(cancel_at <= now() - :grace, false) AS cancels,
  COALESCE(expiry <= now(), false) AS expired,
  EXISTS (SELECT 1 FROM running r WHERE r.id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM session s WHERE s.id = r.id AND s.expires_at > clock_timestamp())) AS lost,
  CAST(EXTRACT(epoch FROM LEAST(run_at, expiry) - now()) AS float8) AS next_in
FROM x
""")


async def find_overdue(connection: AsyncConnection, cancel_grace: timedelta) -> Overdue:
    """Return what a round of the reaper would find now."""
    (row,) = await _OVERDUE.run(connection, {"grace": cancel_grace})
    return Overdue(*row)
