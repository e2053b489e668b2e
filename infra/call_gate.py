"""How many calls of the API a tenant makes per minute, over all API processes: GCRA in Valkey.

Calls that come together are asked about together: while one question is under way, the next
calls gather, so a busy process has one script call in flight and never one per request. While
Valkey is away each process counts for itself by the same rule, and nobody is refused because of
it. (ITU-T I.371; Brandur Leach, "Rate Limiting, Cells, and GCRA".)
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from infra.valkey import VALKEY_FAILURES, close_valkey, one_try, open_valkey

WINDOW_SECONDS: Final = 60
_TIMEOUT_SECONDS: Final = 0.5
# While Valkey is away: one look in so many seconds, beside the calls and not before them.
_LOOK_SECONDS: Final = 1.0
_SECOND: Final = 1_000_000
# Beyond that, what has run full again is forgotten.
_REMEMBERED: Final = 10_000

# Per key: how long one call takes, how many may come at once, how many ask. As many of them as
# there is room for are granted. Everything in microseconds of Valkey's own clock.
_TAKE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local out = {}
for i = 1, #KEYS do
  local emission = tonumber(ARGV[3 * i - 2])
  local burst = tonumber(ARGV[3 * i - 1])
  local asked = tonumber(ARGV[3 * i])
  local tat = tonumber(redis.call('GET', KEYS[i]) or now)
  if tat < now then tat = now end
  local room = math.floor((now + burst * emission - tat) / emission)
  local granted = math.max(0, math.min(asked, room))
  if granted > 0 then
    tat = tat + granted * emission
    redis.call('SET', KEYS[i], string.format('%.0f', tat),
      'PX', math.ceil((tat - now) / 1000) + 1000)
  end
  out[2 * i - 1] = granted
  out[2 * i] = tat - now
end
return out
"""

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CallTurn:
    """The answer to one call.

    Attributes:
        left: Calls that may still come at once.
        full_in: Seconds until all of a minute's calls may come at once again.
        wait: Seconds until the next call is granted; 0 if there is room now.
    """

    granted: bool
    left: int
    full_in: float
    wait: float


@dataclass(frozen=True, slots=True)
class _Asked:
    key: str
    per_minute: int

    @property
    def emission(self) -> int:
        return -(-WINDOW_SECONDS * _SECOND // self.per_minute)

    def turn(self, backlog: int, *, granted: bool, later: int = 0) -> CallTurn:
        """Return the answer to a call.

        Args:
            backlog: Microseconds by which the calls are ahead of the even pace, after all that
                were granted with it.
            granted: Whether it was.
            later: How many of those come after it.
        """
        own = backlog - later * self.emission
        room = self.per_minute * self.emission - own
        left = max(0, room // self.emission)
        wait = 0.0 if left else (self.emission - room) / _SECOND
        return CallTurn(granted, left, own / _SECOND, wait)


class LocalCalls:
    """The same rule inside one process, by its monotonic clock."""

    def __init__(self) -> None:
        self._arrivals: dict[str, int] = {}

    def take(self, asked: _Asked, now: int) -> CallTurn:
        """Grant one call, or none; ``now`` in microseconds."""
        arrival = max(self._arrivals.get(asked.key, now), now)
        after = arrival + asked.emission
        if after - now > asked.per_minute * asked.emission:
            return asked.turn(arrival - now, granted=False)
        self._arrivals[asked.key] = after
        if len(self._arrivals) > _REMEMBERED:
            self._arrivals = {k: at for k, at in self._arrivals.items() if at > now}
        return asked.turn(after - now, granted=True)


class CallGate:
    """One process's line to the counts in Valkey.

    Args:
        url: Of Valkey.
    """

    def __init__(self, url: str) -> None:
        # A script that is sent twice counts twice: nothing is retried here.
        self._redis: Any = open_valkey(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=one_try(),
        )
        self._script: Any = self._redis.register_script(_TAKE)
        self._local = LocalCalls()
        self._waiting: dict[_Asked, list[asyncio.Future[CallTurn]]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._away = False
        self._look_at = 0.0

    async def take(self, key: str, per_minute: int) -> CallTurn:
        """Count one call against ``per_minute`` of ``key``; never fails, never waits long."""
        asked = _Asked(key, per_minute)
        if self._away:
            self._look_now_and_then()
            return self._take_here(asked)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[CallTurn] = loop.create_future()
        self._waiting.setdefault(asked, []).append(turn)
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._ask_for_all())
        return await turn

    async def close(self) -> None:
        """Answer who waits, and close every connection."""
        for task in (self._asking, self._looking):
            if task is not None and not task.done():
                await asyncio.wait([task])
        await close_valkey(self._redis)

    async def _ask_for_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, {}
            try:
                answers = await self._ask(list(group), [len(calls) for calls in group.values()])
            except Exception as error:  # noqa: BLE001 - whatever it is, who waits is answered
                self._lose(error)
                for asked, calls in group.items():
                    for call in calls:
                        _answer(call, self._take_here(asked))
                continue
            for (asked, calls), (granted, backlog) in zip(group.items(), answers, strict=True):
                for n, call in enumerate(calls):
                    later = max(0, granted - n - 1)
                    _answer(call, asked.turn(backlog, granted=n < granted, later=later))

    async def _ask(
        self, asked: Sequence[_Asked], counts: Sequence[int]
    ) -> list[tuple[int, int]]:
        """Return per key how many calls are granted, and the backlog after them."""
        arguments: list[int] = []
        for one, count in zip(asked, counts, strict=True):
            arguments += [one.emission, one.per_minute, count]
        keys = [f"genq:calls:{one.key}" for one in asked]
        told = [int(number) for number in await self._script(keys=keys, args=arguments)]
        return list(zip(told[::2], told[1::2], strict=True))

    def _lose(self, error: Exception) -> None:
        if not self._away:
            _log.warning("call_gate_lost", error_type=type(error).__name__)
        self._away = True
        self._look_at = time.monotonic() + _LOOK_SECONDS

    def _look_now_and_then(self) -> None:
        now = time.monotonic()
        if now < self._look_at or (self._looking is not None and not self._looking.done()):
            return
        self._look_at = now + _LOOK_SECONDS
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            await self._redis.ping()
        except VALKEY_FAILURES:
            return
        self._away = False
        _log.info("call_gate_found")

    def _take_here(self, asked: _Asked) -> CallTurn:
        return self._local.take(asked, math.floor(time.monotonic() * _SECOND))


def _answer(call: "asyncio.Future[CallTurn]", turn: CallTurn) -> None:
    if not call.done():
        call.set_result(turn)
