"""Flights: of jobs that are the same, one asks the model, and the others wait for what comes.

A flight counts while its attempt runs (``live`` under its fence); a worker that dies takes its
flights with it. Who waits is put back into the queue, and found again by ``flight_waiter``.

Locks are taken in this order: ``live``, ``flow``, ``flight``, and then ``live`` of who waits,
where a row that somebody else has is passed over: nobody waits in a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.cache import CacheKey
from infra.postgres.hot import HotStatement
from schemas.claim import Claim


@dataclass(frozen=True, slots=True)
class Boarding:
    """An attempt that would ask the model, if nobody does yet.

    Attributes:
        lasts: It counts no longer than this, whatever becomes of it.
    """

    key: CacheKey
    claim: Claim
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Landing:
    """The end of a flight.

    Attributes:
        made: There is a result for all who wait; else the first of them has to ask.
        bytes: Of the result, if it is to be kept.
        lasts: For how long it is used again.
    """

    key: CacheKey
    job_id: UUID
    fence: int
    made: bool = False
    bytes: int | None = None
    lasts: timedelta = timedelta(0)

    def of_nothing(self) -> "Landing":
        """Return the end of the same flight, if nothing came of it."""
        return Landing(self.key, self.job_id, self.fence)


@dataclass(frozen=True, slots=True)
class Wait:
    """A job that waits for a flight, in the transaction that puts it back.

    Attributes:
        fence: Of the attempt that ended.
    """

    key: CacheKey
    job_id: UUID
    fence: int


# A flight whose attempt is over counts for nothing, nor one that has not begun to ask while a
# faster lane would.
_BOARD: Final = HotStatement("""
INSERT INTO flight AS f (tenant_id, key, job_id, fence, lane, until, waited)
SELECT DISTINCT ON (tenant_id, key) tenant_id, key, job_id, fence, lane, now() + lasts,
  EXISTS (SELECT 1 FROM flight_waiter w WHERE w.tenant_id = x.tenant_id AND w.key = x.key)
FROM unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[]), CAST(:ids AS uuid[]),
  CAST(:fences AS int[]), CAST(:lanes AS smallint[]), CAST(:lasts AS interval[]))
  AS x(tenant_id, key, job_id, fence, lane, lasts)
ORDER BY tenant_id, key, lane, job_id
ON CONFLICT (tenant_id, key) DO UPDATE SET job_id = excluded.job_id, fence = excluded.fence,
  lane = excluded.lane, until = excluded.until, calling = false
WHERE f.job_id = excluded.job_id OR f.until < now()
  OR (NOT f.calling AND excluded.lane < f.lane)
  OR NOT EXISTS (SELECT 1 FROM live l
    WHERE l.job_id = f.job_id AND l.fence = f.fence AND l.state = 4)
RETURNING job_id, fence
""")

# Those that another attempt has not taken the place of.
_CALL: Final = HotStatement("""
WITH x AS MATERIALIZED (
  SELECT f.tenant_id, f.key FROM flight f
  JOIN unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[]), CAST(:ids AS uuid[]),
    CAST(:fences AS int[])) AS x(tenant_id, key, job_id, fence)
    ON f.tenant_id = x.tenant_id AND f.key = x.key
    AND f.job_id = x.job_id AND f.fence = x.fence
  ORDER BY f.tenant_id, f.key FOR NO KEY UPDATE OF f)
UPDATE flight f SET calling = true FROM x
WHERE f.tenant_id = x.tenant_id AND f.key = x.key
RETURNING f.job_id, f.fence
""")

# Who waits for some and ends others takes all of their locks at once, in key order.
_LOCK: Final = text("""
SELECT 1 FROM flight f
WHERE (f.tenant_id, f.key) IN (
  SELECT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[])) AS k(tenant_id, key))
ORDER BY f.tenant_id, f.key FOR UPDATE OF f
""")

_NOTE: Final = text("""
WITH x AS MATERIALIZED (
  SELECT f.tenant_id, f.key FROM flight f
  JOIN (SELECT DISTINCT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[]))
    AS k(tenant_id, key)) k ON k.tenant_id = f.tenant_id AND k.key = f.key
  WHERE NOT f.waited ORDER BY f.tenant_id, f.key FOR NO KEY UPDATE OF f)
UPDATE flight f SET waited = true FROM x WHERE f.tenant_id = x.tenant_id AND f.key = x.key
""")

# The lock keeps the flight from landing before this wait is committed, and can be seen.
_WAIT: Final = text("""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[]),
    CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS x(tenant_id, key, job_id, fence)),
f AS MATERIALIZED (
  SELECT f.tenant_id, f.key FROM flight f
  WHERE (f.tenant_id, f.key) IN (SELECT tenant_id, key FROM x)
  ORDER BY f.tenant_id, f.key FOR KEY SHARE OF f),
w AS (
  INSERT INTO flight_waiter AS w (job_id, fence, tenant_id, key)
  SELECT x.job_id, x.fence + 1, x.tenant_id, x.key
  FROM x JOIN f ON f.tenant_id = x.tenant_id AND f.key = x.key
  ON CONFLICT (job_id) DO UPDATE SET fence = excluded.fence, tenant_id = excluded.tenant_id,
    key = excluded.key
  WHERE w.fence <= excluded.fence
  RETURNING w.job_id)
SELECT x.job_id, x.fence + 1 AS fence FROM x WHERE x.job_id NOT IN (SELECT job_id FROM w)
""")

_LANDED_ALREADY: Final = text("""
UPDATE live SET run_at = now()
FROM unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[])) AS x(job_id, fence)
WHERE live.job_id = x.job_id AND live.fence = x.fence AND live.state = 1
""")

# Of a flight that is not there any more nothing is kept: the cache was cleared meanwhile.
_LAND: Final = HotStatement("""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[]),
    CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:made AS boolean[]),
    CAST(:bytes AS bigint[]), CAST(:lasts AS interval[]))
  AS x(tenant_id, key, job_id, fence, made, bytes, lasts)),
f AS MATERIALIZED (
  SELECT f.tenant_id, f.key, f.job_id, x.made, x.bytes, x.lasts FROM flight f
  JOIN x ON x.tenant_id = f.tenant_id AND x.key = f.key
    AND x.job_id = f.job_id AND x.fence = f.fence
  ORDER BY f.tenant_id, f.key FOR UPDATE OF f),
e AS (
  INSERT INTO cache_entry AS e (tenant_id, key, job_id, bytes, expires_at)
  SELECT tenant_id, key, job_id, bytes, now() + lasts
  FROM f WHERE bytes IS NOT NULL ORDER BY tenant_id, key
  ON CONFLICT (tenant_id, key) DO UPDATE SET job_id = excluded.job_id, bytes = excluded.bytes,
    expires_at = excluded.expires_at, used_at = now(), created_at = now(), hits = 0
  WHERE e.job_id <> excluded.job_id)
DELETE FROM flight USING f WHERE flight.tenant_id = f.tenant_id AND flight.key = f.key
RETURNING flight.tenant_id, flight.key, flight.waited, f.made
""")

_GROUND: Final = text("""
WITH f AS MATERIALIZED (
  SELECT tenant_id, key FROM flight
  WHERE CAST(:tenant_id AS bigint) IS NULL OR tenant_id = :tenant_id
  ORDER BY tenant_id, key FOR UPDATE)
DELETE FROM flight USING f WHERE flight.tenant_id = f.tenant_id AND flight.key = f.key
""")

# A statement of its own: its snapshot begins after the flight is gone, so it sees everybody
# who waited. Where nothing was made only the first of them goes on: one asks at a time. Who is
# locked just now is passed over, and stays a waiter: ``flight_upkeep`` finds him.
_WAKE: Final = text("""
WITH k AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[]),
    CAST(:made AS boolean[])) AS k(tenant_id, key, made)),
w AS MATERIALIZED (
  SELECT w.job_id FROM k CROSS JOIN LATERAL (
    SELECT l.job_id FROM flight_waiter w
    JOIN live l ON l.job_id = w.job_id AND l.fence = w.fence AND l.state = 1
    WHERE w.tenant_id = k.tenant_id AND w.key = k.key
    ORDER BY l.lane, l.priority, l.job_id LIMIT CASE WHEN k.made THEN NULL ELSE 1 END
    FOR NO KEY UPDATE OF l SKIP LOCKED) w),
d AS (
  DELETE FROM flight_waiter v USING w WHERE v.job_id = w.job_id)
UPDATE live SET run_at = now() FROM w WHERE live.job_id = w.job_id
""")


async def board(connection: AsyncConnection, wanted: Sequence[Boarding]) -> set[UUID]:
    """Return the jobs that are to ask the model; the others wait for one that does."""
    rows = await _BOARD.run(
        connection,
        {
            "tenants": [one.key.tenant_id for one in wanted],
            "keys": [one.key.digest for one in wanted],
            "ids": [one.claim.job_id for one in wanted],
            "fences": [one.claim.fence for one in wanted],
            "lanes": [one.claim.lane.number for one in wanted],
            "lasts": [one.lasts for one in wanted],
        },
    )
    return {row.job_id for row in rows}


async def call(connection: AsyncConnection, flights: Sequence[Landing]) -> set[UUID]:
    """Note that the model is asked now; return the jobs whose place nobody took before."""
    rows = await _CALL.run(connection, _named(flights))
    return {row.job_id for row in rows}


async def lock(connection: AsyncConnection, of: Sequence[Landing | Wait]) -> None:
    """Lock the flights that ``wait`` and ``land`` of this transaction are about to touch."""
    if len({one.key for one in of}) > 1:
        values = _named(of)
        await connection.execute(_LOCK, {name: values[name] for name in ("tenants", "keys")})


async def wait(connection: AsyncConnection, waits: Sequence[Wait]) -> None:
    """Note who waits; of flights that have ended meanwhile, the job goes on at once.

    Args:
        connection: The transaction that put the jobs back, for later.
        waits: The jobs.
    """
    if not waits:
        return
    values = _named(waits)
    await connection.execute(_NOTE, {name: values[name] for name in ("tenants", "keys")})
    late = (await connection.execute(_WAIT, values)).all()
    if late:
        ids, fences = [row.job_id for row in late], [row.fence for row in late]
        await connection.execute(_LANDED_ALREADY, {"ids": ids, "fences": fences})


async def land(connection: AsyncConnection, landings: Sequence[Landing]) -> bool:
    """End flights, keep what was made, and let those go on who waited; return if any did.

    Args:
        connection: The transaction that ends the attempts.
        landings: Of attempts that were ended by it, or before.
    """
    if not landings:
        return False
    rows = await _LAND.run(
        connection,
        _named(landings)
        | {
            "made": [one.made for one in landings],
            "bytes": [one.bytes for one in landings],
            "lasts": [one.lasts for one in landings],
        },
    )
    waited = [row for row in rows if row.waited]
    if not waited:
        return False
    woken = await connection.execute(
        _WAKE,
        {
            "tenants": [row.tenant_id for row in waited],
            "keys": [bytes(row.key) for row in waited],
            "made": [row.made for row in waited],
        },
    )
    return woken.rowcount > 0


async def ground(connection: AsyncConnection, tenant_id: int | None) -> None:
    """Forget who asks for others, of a tenant or of all: what comes of it is for itself alone.

    Who waits is found by a dispatcher, and asks anew.
    """
    await connection.execute(_GROUND, {"tenant_id": tenant_id})


def _named(of: Sequence[Landing | Wait]) -> dict[str, Any]:
    return {
        "tenants": [one.key.tenant_id for one in of],
        "keys": [one.key.digest for one in of],
        "ids": [one.job_id for one in of],
        "fences": [one.fence for one in of],
    }
