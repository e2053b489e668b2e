"""How fast a recovery may go, so that it stays behind what is live. In memory, per process.

While live deliveries flow, what is sent again begins with a few a second. The rate rises by a
little as long as live deliveries begin as soon as they lately did, and halves when they begin
later: additive increase, multiplicative decrease (Chiu and Jain 1989) on the delay above its
own recent floor, as LEDBAT has it (RFC 6817). Where nothing is live it doubles until there is
no limit.
"""

import math
import statistics
from collections import deque
from enum import Enum
from typing import Final

from infra.clock import Clock

FLOOR: Final = 20.0
"""Deliveries a second that a process sends again whatever else there is to do."""
_STEP: Final = 5.0
_DECREASE: Final = 0.5
# A rate above this is no limit.
_FULL: Final = 4000.0
# Delays are judged together for so long, and for longer where they are few.
_TICK: Final = 0.5
_ENOUGH: Final = 10
_LONGEST_TICK: Final = 2.0
# Since the last live delivery; nothing is live from then on.
_QUIET: Final = 2.0
# The floor of the delay: a tenth of the last minute's ticks had less.
_KEPT_TICKS: Final = 120
_FLOOR_SHARE: Final = 0.1
# So much above it is what delays do by themselves.
_TOLERATED: Final = 1.25
_TOLERATED_SECONDS: Final = 0.002
# What begins this much too late takes nothing away from the next.
_LENIENCE: Final = 0.01
# So many seconds' worth is fetched ahead.
_AHEAD_SECONDS: Final = 0.5


class Leave(Enum):
    """Whether what a recovery sends again may begin."""

    NONE = "none"
    BEHIND = "behind"
    """If nothing live can."""
    FIRST = "first"
    """It has waited for too long."""


class RecoveryPace:
    """The rate at which this process sends again.

    Args:
        clock: Measures.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        now = clock.monotonic()
        self._rate = _FULL
        self._live_at = -math.inf
        self._delays: list[float] = []
        self._medians: deque[float] = deque(maxlen=_KEPT_TICKS)
        self._tick_began = now
        self._begun = 0
        self._next_at = now
        self._floor_at = now

    @property
    def rate(self) -> float:
        """What may be sent again, a second; infinite where nothing is live."""
        self._go_on()
        return math.inf if self._rate >= _FULL else self._rate

    def saw_live(self, delay: float | None) -> None:
        """Hear that a live delivery begins.

        Args:
            delay: Since it was due, in seconds; ``None``: it was due for reasons of its own.
        """
        self._go_on()
        now = self._clock.monotonic()
        if now - self._live_at >= _QUIET:
            self._rate = FLOOR
            self._tick_began = now
            self._next_at = self._floor_at = now + 1 / FLOOR
        self._live_at = now
        if delay is not None:
            self._delays.append(delay)

    def leave(self) -> Leave:
        """Return whether something may be sent again now."""
        now = self._clock.monotonic()
        if now >= self._floor_at and self.rate < math.inf:
            return Leave.FIRST
        return Leave.BEHIND if self.rate == math.inf or now >= self._next_at else Leave.NONE

    def began(self) -> None:
        """Hear that something is sent again."""
        now = self._clock.monotonic()
        self._begun += 1
        self._floor_at = now + 1 / FLOOR
        self._next_at = max(self._next_at, now - _LENIENCE) + 1 / self._rate

    def wait(self) -> float:
        """Return the seconds until something may be sent again."""
        return max(0.0, self._next_at - self._clock.monotonic())

    def ahead(self, most: int) -> int:
        """Return how much to have at hand, ``most`` at the most."""
        return int(min(most, max(2.0, self.rate * _AHEAD_SECONDS)))

    def _go_on(self) -> None:
        """Judge what was seen since, if it is time to."""
        now = self._clock.monotonic()
        if now - self._live_at >= _QUIET:
            self._rise(now)
        elif now - self._tick_began >= _TICK:
            enough = len(self._delays) >= _ENOUGH
            if enough or now - self._tick_began >= _LONGEST_TICK:
                self._judge(now)

    def _rise(self, now: float) -> None:
        since = max(self._tick_began, self._live_at + _QUIET)
        ticks = int((now - since) / _TICK)
        if ticks > 0 and self._rate < _FULL:
            self._rate = min(self._rate * 2.0 ** min(ticks, 30), _FULL)
            self._tick_began = since + ticks * _TICK

    def _judge(self, now: float) -> None:
        if self._delays:
            median = statistics.median(self._delays)
            self._medians.append(median)
            usual = sorted(self._medians)[int(_FLOOR_SHARE * len(self._medians))]
            late = median > _TOLERATED * usual + _TOLERATED_SECONDS
            used = self._begun >= 0.5 * self._rate * (now - self._tick_began)
            if late or not used:
                self._rate = max(FLOOR, _DECREASE * self._rate)
            else:
                self._rate = min(self._rate + _STEP, _FULL / 2)
        self._delays = []
        self._begun = 0
        self._tick_began = now
