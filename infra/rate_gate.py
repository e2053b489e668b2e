"""Limits per second, held at call time over all workers: one GCRA in Valkey.

A turn is reserved, never asked for again: the answer says how long to wait for it, to the
microsecond. While Valkey is away, each process paces itself by the same rule, so that together
they make at most as many calls as the limit allows times the number of workers.
(ITU-T I.371; Brandur Leach, "Rate Limiting, Cells, and GCRA".)
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from infra.valkey import close_valkey, open_valkey

_TIMEOUT_SECONDS: Final = 0.5
# While Valkey is away, one caller in so many seconds looks whether it is back.
_LOOK_SECONDS: Final = 1.0
_SECOND: Final = 1_000_000

# Everything in microseconds of Valkey's own clock. All keys or none; a turn too far off is not
# reserved. Keys vanish by themselves when nothing is reserved any more.
_RESERVE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local most = tonumber(ARGV[1])
local wait = 0
local new = {}
for i = 1, #KEYS do
  local emission = tonumber(ARGV[3 * i - 1])
  local burst = tonumber(ARGV[3 * i])
  local units = tonumber(ARGV[3 * i + 1])
  local tat = tonumber(redis.call('GET', KEYS[i]) or now)
  if tat < now then tat = now end
  new[i] = tat + units * emission
  local own = new[i] - now - burst * emission
  if own > wait then wait = own end
end
if wait > most then return {0, wait, now} end
for i = 1, #KEYS do
  redis.call('SET', KEYS[i], string.format('%.0f', new[i]),
    'PX', math.ceil((new[i] - now) / 1000) + 1000)
end
return {1, wait, now}
"""

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many units of ``key`` per second; ``burst`` of them may come at once."""

    key: str
    per_second: int
    burst: int = 1

    @property
    def emission(self) -> int:
        """The time that one unit takes, in microseconds, rounded up."""
        return -(-_SECOND // self.per_second)


@dataclass(frozen=True, slots=True)
class Turn:
    """The answer: ``wait``, then go; or, if not ``granted``, ask again after ``wait``."""

    granted: bool
    wait: timedelta


class LocalRates:
    """The same GCRA inside one process, by its monotonic clock."""

    def __init__(self) -> None:
        self._arrivals: dict[str, int] = {}

    def reserve(self, limits: Sequence[RateLimit], patience: timedelta, now: int) -> Turn:
        """Reserve one unit of every limit, or of none.

        Args:
            limits: What the call counts against.
            patience: A turn later than that is not reserved.
            now: Microseconds of a clock that never runs backwards.
        """
        wait = 0
        arrivals: dict[str, int] = {}
        for limit in limits:
            after = max(self._arrivals.get(limit.key, now), now) + limit.emission
            arrivals[limit.key] = after
            wait = max(wait, after - now - limit.burst * limit.emission)
        granted = timedelta(microseconds=wait) <= patience
        if granted:
            self._arrivals |= arrivals
        return Turn(granted, timedelta(microseconds=wait))


class RateGate:
    """One process's line to the limits in Valkey."""

    def __init__(self, url: str) -> None:
        # A script that is sent twice reserves twice: nothing is retried here.
        self._redis: Any = open_valkey(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script: Any = self._redis.register_script(_RESERVE)
        self._local = LocalRates()
        self._look_at = 0.0

    async def reserve(self, limits: Sequence[RateLimit], patience: timedelta) -> Turn:
        """Reserve one unit of every limit, or of none; never fails.

        Args:
            limits: What the call counts against.
            patience: A turn later than that is not reserved.
        """
        now = time.monotonic()
        if self._look_at and now < self._look_at:
            return self._reserve_here(limits, patience)
        away = self._look_at > 0
        # Others go on by themselves while this one looks.
        self._look_at = now + _LOOK_SECONDS if away else 0.0
        try:
            granted, wait, _ = await self._ask(limits, patience)
        except (RedisError, OSError) as error:
            self._look_at = time.monotonic() + _LOOK_SECONDS
            if not away:
                _log.warning("rate_gate_lost", error_type=type(error).__name__)
            return self._reserve_here(limits, patience)
        if away:
            self._look_at = 0.0
            _log.info("rate_gate_found")
        return Turn(bool(granted), timedelta(microseconds=int(wait)))

    async def close(self) -> None:
        """Close every connection."""
        await close_valkey(self._redis)

    async def _ask(
        self, limits: Sequence[RateLimit], patience: timedelta
    ) -> tuple[int, int, int]:
        """Return whether a turn is granted, after how long, and Valkey's time."""
        arguments = [patience // timedelta(microseconds=1)]
        for limit in limits:
            arguments += [limit.emission, limit.burst, 1]
        keys = [f"genq:rate:{limit.key}" for limit in limits]
        return await self._script(keys=keys, args=arguments)

    def _reserve_here(self, limits: Sequence[RateLimit], patience: timedelta) -> Turn:
        return self._local.reserve(limits, patience, int(time.monotonic() * _SECOND))
