"""Limits per time, reserved with the release: GCRA, the generic cell rate algorithm.

A key's theoretical arrival time (``tat``) runs ahead of the clock by one emission interval per
unit; ``burst`` units may be ahead. Reservation and release commit together, so a crash reserves
nothing, and two dispatchers wait for each other at the key's row.
(ITU-T I.371; Brandur Leach, "Rate Limiting, Cells, and GCRA".)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many units of a key per minute.

    Attributes:
        key: ``account:<name>:<unit>`` or ``tenant:<id>:<unit>``.
        at_once: How many may come at once; 0: all of a minute's.
    """

    key: str
    per_minute: int
    at_once: int = 0

    @property
    def burst(self) -> int:
        """The units that may come at once."""
        return self.at_once or self.per_minute

    @property
    def emission(self) -> timedelta:
        """The time that one unit takes."""
        return _MINUTE / self.per_minute


@dataclass(frozen=True, slots=True)
class Room:
    """What a key allows now: whole units; and how long until one more."""

    units: int
    burst: int
    emission: timedelta

    @property
    def full(self) -> bool:
        """Whether nothing of it is in use: then even a job above the burst must pass."""
        return self.units >= self.burst

    def wait_for(self, units: int) -> float:
        """Return seconds until so many units, or the whole burst, are there."""
        missing = min(units, self.burst) - self.units
        return max(0, missing) * self.emission.total_seconds()


_LOCK: Final = text("""
SELECT key FROM limiter WHERE key = ANY (CAST(:keys AS text[])) ORDER BY key FOR UPDATE
""")

_ADD: Final = text("""
INSERT INTO limiter (key, emission, burst)
SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:emissions AS interval[]),
                     CAST(:bursts AS int[])) ORDER BY 1
ON CONFLICT (key) DO NOTHING
""")

# A statement of its own: the clock is read after the locks are held.
_ROOM: Final = text("""
SELECT x.key, floor(x.burst - EXTRACT(epoch FROM GREATEST(m.tat, n.at) - n.at)
  / EXTRACT(epoch FROM x.emission) + 0.000001) AS units
FROM unnest(CAST(:keys AS text[]), CAST(:emissions AS interval[]), CAST(:bursts AS int[]))
  AS x(key, emission, burst)
JOIN limiter m ON m.key = x.key CROSS JOIN (SELECT clock_timestamp() AS at) n
""")

_RESERVE: Final = text("""
UPDATE limiter SET emission = x.emission, burst = x.burst,
  tat = GREATEST(limiter.tat, clock_timestamp()) + x.units * x.emission
FROM unnest(CAST(:keys AS text[]), CAST(:emissions AS interval[]), CAST(:bursts AS int[]),
            CAST(:units AS bigint[])) AS x(key, emission, burst, units)
WHERE limiter.key = x.key
""")

_CLOSE: Final = text("""
UPDATE limiter SET closed_until = clock_timestamp() + x.seconds * interval '1 second'
FROM unnest(CAST(:keys AS text[]), CAST(:seconds AS float8[])) AS x(key, seconds)
WHERE limiter.key = x.key
""")

# Locked in the order of keys, as by everybody who locks several.
_CORRECT: Final = text("""
WITH x AS MATERIALIZED (
  SELECT m.key, u.units FROM limiter m
  JOIN unnest(CAST(:keys AS text[]), CAST(:units AS bigint[])) AS u(key, units)
    ON u.key = m.key
  WHERE m.tat > '-infinity' ORDER BY m.key FOR UPDATE OF m)
UPDATE limiter SET tat = limiter.tat + x.units * limiter.emission
FROM x WHERE limiter.key = x.key
""")

_FORGET: Final = text("""
DELETE FROM limiter WHERE key IN (
  SELECT key FROM limiter WHERE tat < now() - interval '1 day'
    AND (closed_until IS NULL OR closed_until < now()) LIMIT 1000 FOR UPDATE SKIP LOCKED)
""")


async def lock_limits(connection: AsyncConnection, limits: Sequence[Limit]) -> dict[str, Room]:
    """Lock the limits' rows, in the order of their keys, and return what they allow now."""
    if not limits:
        return {}
    columns = _columns(limits)
    keys = {"keys": columns["keys"]}
    locked = (await connection.execute(_LOCK, keys)).all()
    if len(locked) < len(limits):
        await connection.execute(_ADD, columns)
        await connection.execute(_LOCK, keys)
    rows = await connection.execute(_ROOM, columns)
    by_key = {limit.key: limit for limit in limits}
    return {
        row.key: Room(int(row.units), by_key[row.key].burst, by_key[row.key].emission)
        for row in rows
    }


async def reserve(
    connection: AsyncConnection, limits: Sequence[Limit], units: Mapping[str, int]
) -> None:
    """Use up units of limits that this transaction has locked."""
    used = [limit for limit in limits if units.get(limit.key)]
    if used:
        columns = _columns(used)
        spent = [units[str(key)] for key in columns["keys"]]
        await connection.execute(_RESERVE, {**columns, "units": spent})


async def close_keys(connection: AsyncConnection, seconds: Mapping[str, float]) -> None:
    """Say of limits that what waits for them needs more than they will have for so long."""
    if seconds:
        await connection.execute(
            _CLOSE, {"keys": list(seconds), "seconds": list(seconds.values())}
        )


async def correct(connection: AsyncConnection, units: Mapping[str, int]) -> None:
    """Add what was used beyond the reservation, or give back what was not."""
    changed = {key: units[key] for key in sorted(units) if units[key]}
    if changed:
        await connection.execute(
            _CORRECT, {"keys": list(changed), "units": list(changed.values())}
        )


async def forget_idle_limits(connection: AsyncConnection) -> int:
    """Delete rows of limits that nobody has used for a day; return how many."""
    return (await connection.execute(_FORGET)).rowcount


def _columns(limits: Sequence[Limit]) -> dict[str, list[object]]:
    ordered = sorted(limits, key=lambda limit: limit.key)
    return {
        "keys": [limit.key for limit in ordered],
        "emissions": [limit.emission for limit in ordered],
        "bursts": [limit.burst for limit in ordered],
    }
